// Matrix products by pmaddwd: exact for all weights, which pmaddubsw is not.
#include "agent/engine/x86/ymm_matrix.h"

namespace godwit::engine::x86 {

namespace {

struct MultiplyWords {
  using Value = int16_t;

  template <int kRows>
  static GODWIT_INLINE void add(int8_t const* weights, int16_t const* const* rows, ptrdiff_t offset,
                                Halves* sums) {
#pragma GCC unroll 2
    for (int pair = 0; pair < 2; ++pair) {
      auto const low = widened(weights + pair * 2 * kLanes);
      auto const high = widened(weights + pair * 2 * kLanes + kLanes);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        int32_t values;
        __builtin_memcpy(&values, rows[i] + offset + 2 * pair, sizeof(values));
        auto const a = _mm256_set1_epi32(values);
        sums[i].low = _mm256_add_epi32(sums[i].low, _mm256_madd_epi16(a, low));
        sums[i].high = _mm256_add_epi32(sums[i].high, _mm256_madd_epi16(a, high));
      }
    }
  }

 private:
  static GODWIT_INLINE auto widened(int8_t const* weights) -> __m256i {
    return _mm256_cvtepi8_epi16(_mm_load_si128(reinterpret_cast<__m128i const*>(weights)));
  }
};

}  // namespace

void multiply_rows_avx2(Matrix const& matrix, void const* const* rows, int32_t count,
                        int8_t* output, ptrdiff_t stride, int32_t*) {
  multiply_blocks<MultiplyWords>(matrix, rows, count, output, stride);
}

}  // namespace godwit::engine::x86
