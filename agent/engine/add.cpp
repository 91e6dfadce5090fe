// ADD and SUB with broadcasting: both inputs are brought to a common scale, summed or subtracted,
// and requantised.
#include "agent/engine/broadcast.h"
#include "agent/engine/fixed_point.h"

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

template <typename Combine>
void add_with(Step const& step, Combine combine) {
  auto const p = step.op.params<proto::AddParams>();
  auto const& a = step.inputs[0];
  auto const& b = step.inputs[1];
  int32_t const zero = step.output().zero_point;
  auto const table_a = scaled_values(a.zero_point, p.left_shift, p.first);
  auto const table_b = scaled_values(b.zero_point, p.left_shift, p.second);
  broadcast(step, a.data, b.data, step.output().int8(), [&](uint8_t left, uint8_t right) {
    return requantise(combine(table_a[left], table_b[right]), p.output, zero, p.clamp);
  });
}

}  // namespace

void add(Step const& step, void*) {
  add_with(step, [](int32_t a, int32_t b) { return a + b; });
}

void sub(Step const& step, void*) {
  add_with(step, [](int32_t a, int32_t b) { return a - b; });
}

/// The square of a difference may not fit: it wraps, as the reference's does.
void squared_difference(Step const& step, void*) {
  add_with(step, [](int32_t a, int32_t b) {
    auto const difference = static_cast<uint32_t>(a - b);
    return static_cast<int32_t>(difference * difference);
  });
}

}  // namespace godwit::engine
