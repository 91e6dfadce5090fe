// Matrix products by sdot: sixteen products in one instruction.
#include "agent/engine/arm/neon.h"

namespace godwit::engine::arm {

namespace {

struct Dot {
  static GODWIT_INLINE auto add(int32x4_t sum, int8x16_t a, int8x16_t b) -> int32x4_t {
    return vdotq_s32(sum, a, b);
  }
};

}  // namespace

void multiply_rows_sdot(Matrix const& matrix, int8_t const* rows, ptrdiff_t pitch, int32_t count,
                        int8_t* output) {
  multiply_rows<Dot>(matrix, rows, pitch, count, output);
}

}  // namespace godwit::engine::arm
