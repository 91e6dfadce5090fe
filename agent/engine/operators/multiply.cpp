// MUL, MAXIMUM, MINIMUM, PRELU and PAIR_LOOKUP, with broadcasting.
#include <algorithm>

#include "agent/engine/fixed_point.h"
#include "agent/engine/operators/broadcast.h"
#include "agent/engine/operators/operators.h"

namespace godwit::engine {

namespace {

/// output = combine(a, b), where all three are of the output's type: int8 or int16.
template <typename Combine>
void combine_all(Step const& step, Combine combine) {
  auto const& a = step.inputs[0];
  auto const& b = step.inputs[1];
  if (step.output().type == proto::TensorType::int16)
    broadcast(step, a.int16(), b.int16(), step.output().int16(), [&](int32_t left, int32_t right) {
      return static_cast<int16_t>(combine(left, right));
    });
  else
    broadcast(step, a.int8(), b.int8(), step.output().int8(), [&](int32_t left, int32_t right) {
      return static_cast<int8_t>(combine(left, right));
    });
}

}  // namespace

void mul(Step const& step, void*) {
  auto const p = step.op.params<proto::MulParams>();
  int32_t const zero_a = step.inputs[0].zero_point;
  int32_t const zero_b = step.inputs[1].zero_point;
  int32_t const zero = step.output().zero_point;
  combine_all(step, [&](int32_t a, int32_t b) {
    return requantise((a - zero_a) * (b - zero_b), p.multiplier, zero, p.clamp, step.op.rounding());
  });
}

namespace {

void choose(Step const& step, bool greater) {
  combine_all(step, [=](int32_t a, int32_t b) { return (a > b) == greater ? a : b; });
}

}  // namespace

void maximum(Step const& step, void*) {
  choose(step, true);
}

void minimum(Step const& step, void*) {
  choose(step, false);
}

void prelu(Step const& step, void*) {
  auto const p = step.op.params<proto::PreluParams>();
  int32_t const zero_in = step.inputs[0].zero_point;
  int32_t const zero_slope = step.inputs[1].zero_point;
  int32_t const zero = step.output().zero_point;
  constexpr proto::Clamp kAll{-128, 127};
  broadcast(step, step.inputs[0].int8(), step.inputs[1].int8(), step.output().int8(),
            [&](int8_t given, int8_t slope) {
              int32_t const value = given - zero_in;
              bool const negative = value < 0;
              return static_cast<int8_t>(requantise(negative ? value * (slope - zero_slope) : value,
                                                    negative ? p.negative : p.positive, zero, kAll,
                                                    step.op.rounding()));
            });
}

/// What two bytes make of each other, as a table that the compiler has computed.
void pair_lookup(Step const& step, void*) {
  auto const* const table = step.inputs[2].data;
  broadcast(step, step.inputs[0].data, step.inputs[1].data, step.output().data,
            [&](uint8_t a, uint8_t b) { return table[a << 8 | b]; });
}

}  // namespace godwit::engine
