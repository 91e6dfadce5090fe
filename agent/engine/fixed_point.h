// The fixed-point arithmetic of quantised inference: gemmlowp's, with double rounding, as TFLite
// Micro's reference kernels use it, and TensorFlow Lite's with one. Explained in docs/engine.md,
// "Arithmetic".
// Nothing here overflows, whatever the operands: sums and shifts wrap as the hardware does.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "proto/format/operators.h"

namespace godwit::engine {

inline auto wrap_add(int32_t a, int32_t b) -> int32_t {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}

inline auto wrap_subtract(int32_t a, int32_t b) -> int32_t {
  return static_cast<int32_t>(static_cast<uint32_t>(a) - static_cast<uint32_t>(b));
}

inline auto wrap_shift_left(int32_t value, int32_t bits) -> int32_t {
  return static_cast<int32_t>(static_cast<uint32_t>(value) << bits);
}

/// a * b / 2^31, rounded to nearest, halves up. Saturates for the one product that does not fit.
inline auto multiply_high(int32_t a, int32_t b) -> int32_t {
  constexpr int32_t kLowest = std::numeric_limits<int32_t>::min();
  if (a == kLowest && b == kLowest) return std::numeric_limits<int32_t>::max();
  return static_cast<int32_t>((int64_t{a} * b + (INT64_C(1) << 30)) >> 31);
}

/// value / 2^bits, rounded to nearest, halves away from zero; bits in [0, 31].
inline auto divide_by_power(int32_t value, int32_t bits) -> int32_t {
  int64_t const mask = (INT64_C(1) << bits) - 1;
  int64_t const threshold = (mask >> 1) + (value < 0 ? 1 : 0);
  return (value >> bits) + ((value & mask) > threshold ? 1 : 0);
}

/// value * m, rounded twice: after the product (multiply_high) and after the shift to the right
/// (divide_by_power). Both are one floor:
///   floor(floor(a / 2^31 + 1/2) / 2^r + 1/2) = floor((a + 2^30 + 2^(30 + r)) / 2^(31 + r)),
/// and halves away from zero are one less in the inner quotient of negative products.
inline auto scale(int32_t value, proto::Multiplier m) -> int32_t {
  int32_t const left = std::max(m.shift, 0);
  int32_t const right = std::max(-m.shift, 0);
  int64_t const product = int64_t{wrap_shift_left(value, left)} * m.value;
  int64_t const second_half = (INT64_C(1) << right >> 1) << 31;  // none where nothing is shifted
  int64_t const tie = static_cast<int64_t>(right != 0) << 31;
  int64_t const round = (INT64_C(1) << 30) + second_half - ((product >> 63) & tie);
  return static_cast<int32_t>((product + round) >> (31 + right));
}

/// value * m, rounded once, to nearest, halves up. Not inline: it is rarely met, in many places.
auto scale_once(int32_t value, proto::Multiplier m) -> int32_t;

inline auto scale(int32_t value, proto::Multiplier m, proto::Rounding rounding) -> int32_t {
  return rounding == proto::Rounding::twice ? scale(value, m) : scale_once(value, m);
}

/// All values of a type.
template <typename T>
constexpr proto::Clamp kWhole{std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};

/// An accumulator as an output value, which fits the output's type as the clamp does.
inline auto requantise(int32_t value, proto::Multiplier m, int32_t zero_point, proto::Clamp clamp,
                       proto::Rounding rounding) -> int32_t {
  return std::clamp(wrap_add(scale(value, m, rounding), zero_point), clamp.low, clamp.high);
}

/// Of int8, rounded twice.
inline auto requantise(int32_t value, proto::Multiplier m, int32_t zero_point, proto::Clamp clamp)
    -> int8_t {
  return static_cast<int8_t>(requantise(value, m, zero_point, clamp, proto::Rounding::twice));
}

}  // namespace godwit::engine
