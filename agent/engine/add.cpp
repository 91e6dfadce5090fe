// ADD with broadcasting: both inputs are brought to a common scale, summed, and requantised.
#include "agent/engine/fixed_point.h"
#include "agent/engine/kernel.h"

namespace godwit::engine {

namespace {

/// The scaled value of each of the 256 possible inputs.
using Table = std::array<int32_t, 256>;

auto scaled_values(int32_t zero_point, int32_t left_shift, proto::Multiplier m) -> Table {
  Table table;
  for (int32_t value = -128; value <= 127; ++value)
    table[static_cast<uint8_t>(value)] = scale(wrap_shift_left(value - zero_point, left_shift), m);
  return table;
}

using Steps = std::array<ptrdiff_t, proto::kTensorRankMax>;

/// How far to move in the input for one step along each dimension of the output.
auto broadcast_steps(Shape const& input, Shape const& output) -> Steps {
  Steps steps{};
  ptrdiff_t size = 1;
  for (int32_t d = input.rank - 1; d >= 0; --d) {
    auto const extent = input[static_cast<size_t>(d)];
    if (extent != 1) steps[static_cast<size_t>(output.rank - input.rank + d)] = size;
    size *= extent;
  }
  return steps;
}

}  // namespace

void add(Step const& step, void*) {
  auto const p = step.op.params<proto::AddParams>();
  auto const& a = step.inputs[0];
  auto const& b = step.inputs[1];
  auto const& out = step.output();
  auto const table_a = scaled_values(a.zero_point, p.left_shift, p.first);
  auto const table_b = scaled_values(b.zero_point, p.left_shift, p.second);
  auto const sum = [&](uint8_t left, uint8_t right) {
    return requantise(table_a[left] + table_b[right], p.output, out.zero_point, p.clamp);
  };
  if (a.shape.elements == out.shape.elements && b.shape.elements == out.shape.elements) {
    for (int32_t i = 0; i < out.shape.elements; ++i) out.int8()[i] = sum(a.data[i], b.data[i]);
    return;
  }
  auto const steps_a = broadcast_steps(a.shape, out.shape);
  auto const steps_b = broadcast_steps(b.shape, out.shape);
  std::array<int32_t, proto::kTensorRankMax> index{};
  ptrdiff_t at_a = 0;
  ptrdiff_t at_b = 0;
  for (int32_t i = 0; i < out.shape.elements; ++i) {
    out.int8()[i] = sum(a.data[at_a], b.data[at_b]);
    for (auto d = static_cast<size_t>(out.shape.rank); d-- > 0;) {
      at_a += steps_a[d];
      at_b += steps_b[d];
      if (++index[d] < out.shape[d]) break;
      at_a -= steps_a[d] * out.shape[d];
      at_b -= steps_b[d] * out.shape[d];
      index[d] = 0;
    }
  }
}

}  // namespace godwit::engine
