// GATHER with indices that are computed; CAST between types.
#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "agent/engine/kernel.h"

namespace godwit::engine {

/// An index outside the input takes the nearest one inside: nothing can fail here.
void gather(Step const& step, void*) {
  auto const p = step.op.params<proto::GatherParams>();
  auto const& input = step.inputs[0];
  auto const& indices = step.inputs[1];
  auto const axis = static_cast<size_t>(p.axis);
  int32_t const extent = input.shape[axis];
  ptrdiff_t batches = 1;
  ptrdiff_t outer = 1;
  ptrdiff_t inner = proto::element_bytes(input.type);
  for (size_t d = 0; d < static_cast<size_t>(input.shape.rank); ++d) {
    auto& count = d < static_cast<size_t>(p.batch_dimensions) ? batches : d < axis ? outer : inner;
    if (d != axis) count *= input.shape[d];
  }
  ptrdiff_t const chosen = indices.shape.elements / batches;
  uint8_t* to = step.output().data;
  for (ptrdiff_t row = 0; row < batches * outer; ++row)
    for (ptrdiff_t i = 0; i < chosen; ++i, to += inner) {
      int32_t const index = std::clamp(indices.int32()[row / outer * chosen + i], 0, extent - 1);
      std::memmove(to, input.data + (row * extent + index) * inner, static_cast<size_t>(inner));
    }
}

namespace {

/// Towards zero; what int32 does not hold becomes its nearest value, and what is no number 0.
auto truncated(float value) -> int32_t {
  constexpr float kEnd = 2147483648.0f;
  if (value >= kEnd) return std::numeric_limits<int32_t>::max();
  if (value < -kEnd) return std::numeric_limits<int32_t>::min();
  return value == value ? static_cast<int32_t>(value) : 0;
}

auto read(Input const& input, size_t i) -> int32_t {
  switch (input.type) {
    case proto::TensorType::int8:
      return input.int8()[i];
    case proto::TensorType::uint8:
      return input.data[i];
    case proto::TensorType::int16:
      return input.int16()[i];
    default:
      return input.int32()[i];
  }
}

}  // namespace

/// Numbers as they are stored. A narrower type keeps the lower bits.
void cast(Step const& step, void*) {
  auto const& input = step.inputs[0];
  auto const& output = step.output();
  bool const real = input.type == proto::TensorType::float32;
  for (size_t i = 0; i < static_cast<size_t>(input.shape.elements); ++i) {
    int32_t value = read(input, i);
    if (real && output.type != proto::TensorType::float32)
      value = truncated(std::bit_cast<float>(value));
    switch (output.type) {
      case proto::TensorType::float32:
        output.int32()[i] = real ? value : std::bit_cast<int32_t>(static_cast<float>(value));
        break;
      case proto::TensorType::int32:
        output.int32()[i] = value;
        break;
      case proto::TensorType::int16:
        output.int16()[i] = static_cast<int16_t>(value);
        break;
      default:
        output.data[i] = static_cast<uint8_t>(value);
    }
  }
}

}  // namespace godwit::engine
