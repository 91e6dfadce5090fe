// ADD, SUB and SQUARED_DIFFERENCE with broadcasting: both inputs are brought to a common scale,
// combined, and requantised.
#include "agent/engine/fixed_point.h"
#include "agent/engine/operators/broadcast.h"
#include "agent/engine/operators/operators.h"

namespace godwit::engine {

namespace {

/// The scaled value of each of the 256 possible inputs.
using Table = std::array<int32_t, 256>;

struct Sum {
  Step const& step;
  proto::AddParams params;

  auto scaled(int32_t value, int32_t zero_point, proto::Multiplier m) const -> int32_t {
    return scale(wrap_shift_left(value - zero_point, params.left_shift), m, step.op.rounding());
  }
  auto table(int32_t zero_point, proto::Multiplier m) const -> Table {
    Table table;
    for (int32_t value = -128; value <= 127; ++value)
      table[static_cast<uint8_t>(value)] = scaled(value, zero_point, m);
    return table;
  }
  auto finished(int32_t sum) const -> int32_t {
    return requantise(sum, params.output, step.output().zero_point, params.clamp,
                      step.op.rounding());
  }
};

template <typename Combine>
void add_with(Step const& step, Combine combine) {
  Sum const sum{step, step.op.params<proto::AddParams>()};
  auto const& a = step.inputs[0];
  auto const& b = step.inputs[1];
  if (step.output().type == proto::TensorType::int16) {
    broadcast(step, a.int16(), b.int16(), step.output().int16(), [&](int16_t left, int16_t right) {
      return static_cast<int16_t>(
          sum.finished(combine(sum.scaled(left, a.zero_point, sum.params.first),
                               sum.scaled(right, b.zero_point, sum.params.second))));
    });
    return;
  }
  auto const table_a = sum.table(a.zero_point, sum.params.first);
  auto const table_b = sum.table(b.zero_point, sum.params.second);
  broadcast(step, a.data, b.data, step.output().int8(), [&](uint8_t left, uint8_t right) {
    return static_cast<int8_t>(sum.finished(combine(table_a[left], table_b[right])));
  });
}

}  // namespace

void add(Step const& step, void*) {
  add_with(step, wrap_add);
}

void sub(Step const& step, void*) {
  add_with(step, wrap_subtract);
}

/// The square of a difference may not fit: it wraps, as the reference's does.
void squared_difference(Step const& step, void*) {
  add_with(step, [](int32_t a, int32_t b) {
    auto const difference = static_cast<uint32_t>(wrap_subtract(a, b));
    return static_cast<int32_t>(difference * difference);
  });
}

}  // namespace godwit::engine
