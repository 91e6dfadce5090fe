// The sums of weights of four bits: agent/engine/operators/nibbles.h. As NEON has no unsigned times
// signed bytes, nibbles of at most 15 are signed ones: two products fit sixteen bits, whatever the
// values.
#if defined(__ARM_NEON)  // docs/engine.md, "Arm"
#include <arm_neon.h>

#include "agent/engine/arm/nibbles.h"

namespace godwit::engine::arm {

auto nibble_sum_neon(uint8_t const* weights, int32_t bytes, int8_t const* even, int8_t const* odd)
    -> uint32_t {
  auto const flip = vdup_n_u8(8);
  auto sum = vdupq_n_s32(0);
  auto const add = [&](uint8x8_t packed, int32_t i) {
    auto const first = vreinterpret_s8_u8(veor_u8(vand_u8(packed, vdup_n_u8(0xf)), flip));
    auto const second = vreinterpret_s8_u8(veor_u8(vshr_n_u8(packed, 4), flip));
    auto const pairs = vmlal_s8(vmull_s8(first, vld1_s8(even + i)), second, vld1_s8(odd + i));
    sum = vpadalq_s16(sum, pairs);
  };
  int32_t i = 0;
  for (; i + 8 <= bytes; i += 8) add(vld1_u8(weights + i), i);
  if (i < bytes) {
    uint8_t rest[8] = {};
    for (int32_t k = 0; i + k < bytes; ++k) rest[k] = weights[i + k];
    add(vld1_u8(rest), i);
  }
  auto const half = vadd_s32(vget_low_s32(sum), vget_high_s32(sum));
  return static_cast<uint32_t>(vget_lane_s32(vpadd_s32(half, half), 0));
}

}  // namespace godwit::engine::arm
#endif
