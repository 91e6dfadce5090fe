// Matrix products by vpdpbusd of 256 bits, of processors that have it without AVX-512.
#include "agent/engine/x86/ymm_matrix.h"

namespace godwit::engine::x86 {

namespace {

struct MultiplyBytes {
  using Value = int8_t;

  template <int kRows>
  static GODWIT_INLINE void add(int8_t const* weights, int8_t const* const* rows, ptrdiff_t offset,
                                Halves* sums) {
    auto const low = load256(weights);
    auto const high = load256(weights + 2 * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      int32_t values;
      __builtin_memcpy(&values, rows[i] + offset, sizeof(values));
      auto const a = _mm256_xor_si256(_mm256_set1_epi32(values), _mm256_set1_epi8(-128));
      sums[i].low = _mm256_dpbusd_avx_epi32(sums[i].low, a, low);
      sums[i].high = _mm256_dpbusd_avx_epi32(sums[i].high, a, high);
    }
  }
};

}  // namespace

void multiply_rows_avxvnni(Matrix const& matrix, void const* const* rows, int32_t count,
                           int8_t* output, ptrdiff_t stride, int32_t*) {
  multiply_blocks<MultiplyBytes>(matrix, rows, count, output, stride);
}

}  // namespace godwit::engine::x86
