// Matrix products by NEON alone: products of int8 as int16, added in pairs to int32.
#include "agent/engine/arm/neon.h"

namespace godwit::engine::arm {

namespace {

struct Widening {
  static GODWIT_INLINE auto add(int32x4_t sum, int8x16_t a, int8x16_t b) -> int32x4_t {
    sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(a), vget_low_s8(b)));
    return vpadalq_s16(sum, vmull_s8(vget_high_s8(a), vget_high_s8(b)));
  }
};

}  // namespace

void multiply_rows_neon(Matrix const& matrix, int8_t const* rows, ptrdiff_t pitch, int32_t count,
                        int8_t* output) {
  multiply_rows<Widening>(matrix, rows, pitch, count, output);
}

}  // namespace godwit::engine::arm
