// MUL, MAXIMUM, MINIMUM and PRELU, with broadcasting.
#include <algorithm>

#include "agent/engine/broadcast.h"
#include "agent/engine/fixed_point.h"

namespace godwit::engine {

void mul(Step const& step, void*) {
  auto const p = step.op.params<proto::MulParams>();
  int32_t const zero_a = step.inputs[0].zero_point;
  int32_t const zero_b = step.inputs[1].zero_point;
  int32_t const zero = step.output().zero_point;
  broadcast(step, step.inputs[0].int8(), step.inputs[1].int8(), step.output().int8(),
            [&](int8_t a, int8_t b) {
              return requantise((a - zero_a) * (b - zero_b), p.multiplier, zero, p.clamp);
            });
}

void maximum(Step const& step, void*) {
  broadcast(step, step.inputs[0].int8(), step.inputs[1].int8(), step.output().int8(),
            [](int8_t a, int8_t b) { return std::max(a, b); });
}

void minimum(Step const& step, void*) {
  broadcast(step, step.inputs[0].int8(), step.inputs[1].int8(), step.output().int8(),
            [](int8_t a, int8_t b) { return std::min(a, b); });
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
              if (value >= 0) return requantise(value, p.positive, zero, kAll);
              return requantise(value * (slope - zero_slope), p.negative, zero, kAll);
            });
}

}  // namespace godwit::engine
