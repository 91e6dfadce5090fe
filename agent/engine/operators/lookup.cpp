// LOOKUP: operators of one byte, as a table that the compiler has computed. REQUANTIZE: from one
// scale to another, where a table would be too large.
#include <cstring>

#include "agent/engine/fixed_point.h"
#include "agent/engine/operators/operators.h"

namespace godwit::engine {

namespace {

template <typename T>
void look_up(Step const& step, T* output) {
  std::array<T, 256> table;  // Constants are little-endian: into the processor's order first.
  for (size_t i = 0; i < table.size(); ++i) table[i] = step.inputs[1].constant<T>(i);
  auto const& input = step.inputs[0];
  for (int32_t i = 0; i < input.shape.elements; ++i) output[i] = table[input.data[i]];
}

template <typename To>
auto saturate(int64_t value) -> To {
  return static_cast<To>(
      std::clamp<int64_t>(value, std::numeric_limits<To>::min(), std::numeric_limits<To>::max()));
}

template <typename From, typename To>
void requantise_all(Step const& step, From const* input, To* output) {
  auto const multiplier = step.op.params<proto::RequantizeParams>().multiplier;
  int32_t const from_zero = step.inputs[0].zero_point;
  int32_t const to_zero = step.output().zero_point;
  for (int32_t i = 0; i < step.inputs[0].shape.elements; ++i)
    output[i] = saturate<To>(int64_t{scale(wrap_subtract(static_cast<int32_t>(input[i]), from_zero),
                                           multiplier, step.op.rounding())} +
                             to_zero);
}

template <typename From>
void requantise_from(Step const& step, From const* input) {
  auto const& output = step.output();
  switch (output.type) {
    case proto::TensorType::uint8:
      return requantise_all(step, input, output.uint8());
    case proto::TensorType::int16:
      return requantise_all(step, input, output.int16());
    case proto::TensorType::int32:
      return requantise_all(step, input, output.int32());
    default:
      return requantise_all(step, input, output.int8());
  }
}

}  // namespace

void lookup(Step const& step, void*) {
  auto const& output = step.output();
  switch (proto::element_bytes(output.type)) {
    case 1:
      return look_up(step, output.uint8());
    case 2:
      return look_up(step, output.int16());
    default:
      return look_up(step, output.int32());  // or float32: bits move, values stay
  }
}

void requantize(Step const& step, void*) {
  auto const& input = step.inputs[0];
  switch (input.type) {
    case proto::TensorType::uint8:
      return requantise_from(step, input.uint8());
    case proto::TensorType::int16:
      return requantise_from(step, input.int16());
    case proto::TensorType::int32:
      return requantise_from(step, input.int32());
    default:
      return requantise_from(step, input.int8());
  }
}

}  // namespace godwit::engine
