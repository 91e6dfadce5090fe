// Where values enter and leave a model and where they rest: float32, variables, and sigmoid and
// tanh of int16.
#include <bit>
#include <cstring>

#include "agent/engine/fixed_point.h"
#include "agent/engine/operators/operators.h"
#include "agent/engine/operators/sigmoid.h"

namespace godwit::engine {

namespace {

/// To nearest, halves away from zero; what is no number counts as the lowest.
auto rounded(float value) -> int32_t {
  constexpr float kFar = 1 << 22;  // Farther than any type reaches; nearer, all is exact.
  if (!(value > -kFar)) return -(1 << 22);
  if (value > kFar) return 1 << 22;
  auto const whole = static_cast<int32_t>(value);
  float const rest = value - static_cast<float>(whole);
  return whole + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0);
}

template <typename To>
void quantize_to(Step const& step, To* output) {
  auto const& input = step.inputs[0];
  auto const scale = std::bit_cast<float>(step.op.params<proto::ScaleParams>().scale_bits);
  int32_t const zero = step.output().zero_point;
  for (int32_t i = 0; i < input.shape.elements; ++i)
    output[i] = static_cast<To>(
        std::clamp<int32_t>(rounded(std::bit_cast<float>(input.int32()[i]) / scale) + zero,
                            std::numeric_limits<To>::min(), std::numeric_limits<To>::max()));
}

/// In float64, as the reference does. A product with 24 bits or fewer has no more bits than that:
/// float32 rounds it once too.
template <typename From>
void dequantize_from(Step const& step, From const* input) {
  using Real = std::conditional_t<sizeof(From) < 4, float, double>;
  auto const scale =
      static_cast<Real>(std::bit_cast<float>(step.op.params<proto::ScaleParams>().scale_bits));
  auto const zero = static_cast<Real>(step.inputs[0].zero_point);
  auto* const output = step.output().int32();
  int32_t const count = step.inputs[0].shape.elements;
  for (int32_t i = 0; i < count; ++i)
    output[i] =
        std::bit_cast<int32_t>(static_cast<float>(scale * (static_cast<Real>(input[i]) - zero)));
}

}  // namespace

void quantize(Step const& step, void*) {
  auto const& output = step.output();
  switch (output.type) {
    case proto::TensorType::uint8:
      return quantize_to(step, output.uint8());
    case proto::TensorType::int16:
      return quantize_to(step, output.int16());
    case proto::TensorType::int32:
      return quantize_to(step, output.int32());
    default:
      return quantize_to(step, output.int8());
  }
}

void dequantize(Step const& step, void*) {
  auto const& input = step.inputs[0];
  switch (input.type) {
    case proto::TensorType::uint8:
      return dequantize_from(step, input.uint8());
    case proto::TensorType::int16:
      return dequantize_from(step, input.int16());
    case proto::TensorType::int32:
      return dequantize_from(step, input.int32());
    default:
      return dequantize_from(step, input.int8());
  }
}

void sigmoid(Step const& step, void*) {
  auto const p = step.op.params<proto::SigmoidParams>();
  for (int32_t i = 0; i < step.inputs[0].shape.elements; ++i)
    step.output().int16()[i] = sigmoid(step.inputs[0].int16()[i], p.multiplier, p.shift);
}

void tanh(Step const& step, void*) {
  auto const p = step.op.params<proto::SigmoidParams>();
  for (int32_t i = 0; i < step.inputs[0].shape.elements; ++i)
    step.output().int16()[i] = tanh(step.inputs[0].int16()[i], p.multiplier, p.shift);
}

void read_variable(Step const& step, void*) {
  std::memcpy(step.output().data, step.inputs[0].data, step.output().size_bytes);
}

void assign_variable(Step const& step, void*) {
  auto const variable = step.state(1);
  std::memcpy(variable.data, step.inputs[0].data, variable.size_bytes);
}

}  // namespace godwit::engine
