// Sigmoid and tanh of int16 values, by TensorFlow Lite's table with linear interpolation
// (docs/engine.md, "Tables of sixteen bits"). Results are Q0.15.
#pragma once

#include <cstdint>

namespace godwit::engine {

/// The table itself: sigmoid(i / 24) as 0.16.
extern uint16_t const kSigmoidTable[256];

/// The multiplier that brings Q3.12 to those units, without a shift.
constexpr int32_t kQ3_12 = 3;

/// Between two steps of the table.
struct Interpolated {
  uint32_t table;     // at the step below
  uint32_t distance;  // to the next one
};

inline auto interpolated(uint32_t step) -> Interpolated {
  return {kSigmoidTable[step],
          static_cast<uint32_t>(kSigmoidTable[step + 1] - kSigmoidTable[step])};
}

inline auto rescaled(int16_t value, int32_t multiplier, int32_t shift) -> int32_t {
  int32_t const round = 1 << shift >> 1;
  return (value * multiplier + round) >> shift;
}

/// A firmware's C library may have no abs.
inline auto magnitude_of(int32_t x) -> uint32_t {
  return static_cast<uint32_t>((x ^ x >> 31) - (x >> 31));
}

/// Of value * multiplier / 2^shift, rounded, in units of 1 / (3 * 4096); the product fits int32_t
/// with room for the rounding.
inline auto sigmoid(int16_t value, int32_t multiplier, int32_t shift) -> int16_t {
  int32_t const x = rescaled(value, multiplier, shift);
  auto const magnitude = magnitude_of(x);
  uint32_t const step = magnitude >> 9;
  uint32_t result = 0x7fff << 10;
  if (step < 255) {
    auto const at = interpolated(step);
    result = (at.table << 9) + (magnitude & 0x1ff) * at.distance;
  }
  // Negative ones are what is left to 1, halves down: signs are anything, so without a branch.
  auto const negative = static_cast<uint32_t>(x >> 31);
  constexpr uint32_t kHalf = 1 << 9;
  result = (result ^ negative) - negative + kHalf + (negative & ((1u << 25) - 1));
  return static_cast<int16_t>(result >> 10);
}

inline auto tanh(int16_t value, int32_t multiplier, int32_t shift) -> int16_t {
  int32_t const x = rescaled(value, multiplier, shift);
  auto const magnitude = magnitude_of(x);
  uint32_t const step = magnitude >> 8;
  int32_t result = 0xffff << 8;
  if (step < 255) {
    auto const at = interpolated(step);
    result = static_cast<int32_t>((at.table << 8) + (magnitude & 0xff) * at.distance);
  }
  int32_t const negative = x >> 31;
  constexpr int32_t kOne = 1 << 23;
  constexpr int32_t kHalf = 1 << 7;
  result = ((result - kOne) ^ negative) - negative + kHalf + negative;
  return static_cast<int16_t>(result >> 8);
}

}  // namespace godwit::engine
