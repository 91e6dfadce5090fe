// Matrix products by vpdpbusd of 256 bits, of processors that have it without AVX-512.
#include "agent/engine/x86/ymm_matrix.h"

namespace godwit::engine::x86 {

namespace {

struct MultiplyBytes {
  using Value = int8_t;
  static constexpr int kDepth = 4;
  static constexpr bool kHalves = false;

  static GODWIT_INLINE auto weights(int8_t const* from) -> __m256i { return load256(from); }
  static GODWIT_INLINE auto activations(__m256i values) -> __m256i {
    return _mm256_xor_si256(values, _mm256_set1_epi8(-128));
  }
  static GODWIT_INLINE auto add(__m256i sum, __m256i a, __m256i w) -> __m256i {
    return _mm256_dpbusd_avx_epi32(sum, a, w);
  }
};

}  // namespace

void sum_group_avxvnni(Matrix const& matrix, int32_t first_block, int32_t width,
                       void const* const* rows, int32_t count, int32_t* sums) {
  sum_blocks<MultiplyBytes>(matrix, first_block, width, rows, count, sums);
}

void multiply_rows_avxvnni(Matrix const& matrix, void const* const* rows, int32_t count,
                           int8_t* output, ptrdiff_t stride, int32_t* sums) {
  multiply_blocks<MultiplyBytes>(matrix, rows, count, output, stride, sums);
}

}  // namespace godwit::engine::x86
