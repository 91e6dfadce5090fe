// What the Arm kernels share that is built for several instruction sets: each file that includes
// this has its own copy, so that none ends up with instructions of another.
#pragma once

#include <arm_neon.h>

#include "agent/engine/arm/matrix.h"

#define GODWIT_INLINE inline __attribute__((always_inline))

namespace godwit::engine::arm {
namespace {

/// The sums of four vectors, side by side.
[[maybe_unused]] GODWIT_INLINE auto add_across(int32x4_t const (&v)[4]) -> int32x4_t {
#if defined(__aarch64__)  // docs/engine.md, "Arm"
  return vpaddq_s32(vpaddq_s32(v[0], v[1]), vpaddq_s32(v[2], v[3]));
#else
  auto const half = [](int32x4_t a) { return vadd_s32(vget_low_s32(a), vget_high_s32(a)); };
  return vcombine_s32(vpadd_s32(half(v[0]), half(v[1])), vpadd_s32(half(v[2]), half(v[3])));
#endif
}

/// Sums of four channels as output values. sqrdmulh is the first rounding; srshl rounds halves up,
/// so that one is taken off negative values first: halves away from zero.
GODWIT_INLINE auto requantised(int32x4_t sums, Block const& block, Finish const& finish)
    -> int32x4_t {
  auto const right = vld1q_s32(block.right);
  auto value = vaddq_s32(sums, vld1q_s32(block.bias));
  value = vqrdmulhq_s32(vshlq_s32(value, vld1q_s32(block.left)), vld1q_s32(block.multiplier));
  auto const less = vshrq_n_s32(vandq_s32(value, right), 31);
  value = vrshlq_s32(vqaddq_s32(value, less), right);
  value = vaddq_s32(value, vdupq_n_s32(finish.zero_point));
  return vminq_s32(vmaxq_s32(value, vdupq_n_s32(finish.low)), vdupq_n_s32(finish.high));
}

/// The first `count` of eight values, which lie in int8.
GODWIT_INLINE void store(int32x4_t first, int32x4_t second, int32_t count, int8_t* output) {
  auto const bytes = vmovn_s16(vcombine_s16(vmovn_s32(first), vmovn_s32(second)));
  if (count >= 8) return vst1_s8(output, bytes);
  int8_t some[8];
  vst1_s8(some, bytes);
  for (int32_t i = 0; i < count; ++i) output[i] = some[i];
}

/// kTogether rows times four channels at a time. `Product` adds sixteen products to the lanes of a
/// vector, in any distribution.
template <typename Product, int kTogether>
GODWIT_INLINE void multiply_together(Matrix const& matrix, int8_t const* rows, ptrdiff_t pitch,
                                     int8_t* output) {
  auto const* weights = matrix.weights;
  for (int32_t first = 0; first < matrix.channels; first += kLanes) {
    int32x4_t sums[kTogether][kLanes];
    for (int r = 0; r < kTogether; ++r)
      for (int c = 0; c < kLanes; ++c) sums[r][c] = vdupq_n_s32(0);
    for (int32_t k = 0; k < matrix.depth; k += kDepth, weights += kDepth * kLanes) {
      int8x16_t values[kTogether];
      for (int r = 0; r < kTogether; ++r) values[r] = vld1q_s8(rows + r * pitch + k);
      for (int c = 0; c < kLanes; ++c) {
        auto const w = vld1q_s8(weights + c * kDepth);
        for (int r = 0; r < kTogether; ++r) sums[r][c] = Product::add(sums[r][c], values[r], w);
      }
    }
    auto const& block = matrix.blocks[first / kLanes];
    int32_t const count = matrix.channels - first < kLanes ? matrix.channels - first : kLanes;
    for (int r = 0; r < kTogether; ++r) {
      auto const done = requantised(add_across(sums[r]), block, matrix.finish);
      store(done, done, count, output + ptrdiff_t{r} * matrix.channels + first);
    }
  }
}

/// Two rows at a time where there are sixteen registers, four where there are thirty-two.
template <typename Product>
GODWIT_INLINE void multiply_rows(Matrix const& matrix, int8_t const* rows, ptrdiff_t pitch,
                                 int32_t count, int8_t* output) {
#if defined(__aarch64__)  // docs/engine.md, "Arm"
  if (count == kRows) return multiply_together<Product, kRows>(matrix, rows, pitch, output);
#endif
  for (; count >= 2; count -= 2, rows += 2 * pitch, output += ptrdiff_t{2} * matrix.channels)
    multiply_together<Product, 2>(matrix, rows, pitch, output);
  if (count) multiply_together<Product, 1>(matrix, rows, pitch, output);
}

}  // namespace
}  // namespace godwit::engine::arm
