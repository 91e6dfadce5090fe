// Matrix products by smmla: two rows times two channels, eight values deep, in one instruction.
// Weights are packed in Order::pairs.
#include "agent/engine/arm/neon.h"

namespace godwit::engine::arm {

namespace {

/// Eight values of two rows beside each other, of the lower and of the upper half.
GODWIT_INLINE auto beside(int8x16_t a, int8x16_t b, bool upper) -> int8x16_t {
  auto const first = vreinterpretq_s64_s8(a);
  auto const second = vreinterpretq_s64_s8(b);
  return vreinterpretq_s8_s64(upper ? vzip2q_s64(first, second) : vzip1q_s64(first, second));
}

/// Two rows; the second may be the first again, and is not stored then.
GODWIT_INLINE void multiply_two(Matrix const& matrix, int8_t const* row, int8_t const* other,
                                bool both, int8_t* output) {
  auto const* weights = matrix.weights;
  for (int32_t first = 0; first < matrix.channels; first += kLanes) {
    int32x4_t left = vdupq_n_s32(0);  // channels 0 and 1 of both rows
    int32x4_t right = left;           // channels 2 and 3
    for (int32_t k = 0; k < matrix.depth; k += kDepth, weights += kDepth * kLanes) {
      auto const a = vld1q_s8(row + k);
      auto const b = vld1q_s8(other + k);
      auto const low = beside(a, b, false);
      auto const high = beside(a, b, true);
      left = vmmlaq_s32(left, low, vld1q_s8(weights));
      right = vmmlaq_s32(right, low, vld1q_s8(weights + 16));
      left = vmmlaq_s32(left, high, vld1q_s8(weights + 32));
      right = vmmlaq_s32(right, high, vld1q_s8(weights + 48));
    }
    auto const& block = matrix.blocks[first / kLanes];
    int32_t const count = matrix.channels - first < kLanes ? matrix.channels - first : kLanes;
    auto const upper = vcombine_s32(vget_low_s32(left), vget_low_s32(right));
    auto const lower = vcombine_s32(vget_high_s32(left), vget_high_s32(right));
    auto const one = requantised(upper, block, matrix.finish);
    store(one, one, count, output + first);
    if (!both) continue;
    auto const two = requantised(lower, block, matrix.finish);
    store(two, two, count, output + matrix.channels + first);
  }
}

}  // namespace

void multiply_rows_i8mm(Matrix const& matrix, int8_t const* rows, ptrdiff_t pitch, int32_t count,
                        int8_t* output) {
  for (; count >= 2; count -= 2, rows += 2 * pitch, output += ptrdiff_t{2} * matrix.channels)
    multiply_two(matrix, rows, rows + pitch, true, output);
  if (count) multiply_two(matrix, rows, rows, false, output);
}

}  // namespace godwit::engine::arm
