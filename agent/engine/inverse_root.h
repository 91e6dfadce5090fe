// 1 / sqrt(value) as a fixed-point factor, by Newton's method, exactly as TensorFlow Lite does it
// (docs/engine.md, "Roots"). Used by L2_NORMALIZATION and, at compile time, by RSQRT.
#pragma once

#include <bit>

#include "agent/engine/fixed_exp.h"

namespace godwit::engine {

/// Of value >= 0; 0 counts as 1. The shift lies in [-15, 0].
inline auto inverse_root(int32_t value) -> proto::Multiplier {
  if (value <= 1) return {std::numeric_limits<int32_t>::max(), 0};
  int32_t right = 11;
  for (; value >= 1 << 29; ++right) value /= 4;
  auto const headroom = std::countl_zero(static_cast<uint32_t>(value)) - 1;
  int32_t const pairs = headroom / 2 - 1;
  right -= pairs;
  value <<= 2 * pairs;
  int32_t const half = divide_by_power(value >> 1, 1);  // Q3.28, like x
  constexpr int32_t kThreeHalves = (1 << 28) + (1 << 27);
  int32_t x = 1 << 28;
  for (int i = 0; i < 5; ++i) {
    int32_t const cube = multiply_by_power(multiply_high(multiply_high(x, x), x), 6);
    // Q3 times Q3 is Q6: three bits back.
    x = multiply_by_power(multiply_high(kThreeHalves, x) - multiply_high(half, cube), 3);
  }
  constexpr int32_t kHalfRootOfTwo = 1518500250;  // Q0.31
  x = multiply_high(x, kHalfRootOfTwo);
  if (right < 0) {
    x = wrap_shift_left(x, -right);
    right = 0;
  }
  return {x, -right};
}

}  // namespace godwit::engine
