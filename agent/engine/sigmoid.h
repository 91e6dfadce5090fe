// Sigmoid and tanh of int16 values, by TensorFlow Lite's table with linear interpolation
// (docs/engine.md, "Tables of sixteen bits"). Results are Q0.15.
#pragma once

#include <cstdint>

namespace godwit::engine {

/// Of value * multiplier / 2^shift, rounded, in units of 1 / (3 * 4096); the product fits int32_t
/// with room for the rounding.
auto sigmoid(int16_t value, int32_t multiplier, int32_t shift) -> int16_t;
auto tanh(int16_t value, int32_t multiplier, int32_t shift) -> int16_t;

/// The table itself: sigmoid(i / 24) as 0.16.
extern uint16_t const kSigmoidTable[256];

/// The multiplier that brings Q3.12 to those units, without a shift.
constexpr int32_t kQ3_12 = 3;

}  // namespace godwit::engine
