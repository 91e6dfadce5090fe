// Matrix products by pmaddwd: exact for all weights, which pmaddubsw is not.
#include "agent/engine/x86/ymm_matrix.h"

namespace godwit::engine::x86 {

namespace {

struct MultiplyWords {
  using Value = int16_t;
  static constexpr int kDepth = 2;

  static GODWIT_INLINE auto weights(int8_t const* from) -> __m256i {
    return _mm256_cvtepi8_epi16(_mm_load_si128(reinterpret_cast<__m128i const*>(from)));
  }
  static GODWIT_INLINE auto activations(__m256i values) -> __m256i { return values; }
  static GODWIT_INLINE auto add(__m256i sum, __m256i a, __m256i w) -> __m256i {
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(a, w));
    asm(""
        : "+x"(sum));  // Or g++ adds products to each other first, and has no
                       // registers left.
    return sum;
  }
};

template <Scaling kScaling>
void finish_rows(Block const& block, Finish const& finish, int32_t const* sums, int32_t rows,
                 int32_t lanes, int8_t* output, ptrdiff_t stride) {
  Avx2Finish<kScaling> const f(block, finish);
  for (int32_t i = 0; i < rows; i += 2, sums += 2 * kLanes, output += 2 * stride) {
    auto const bytes = f.bytes({load256(sums), load256(sums + 8)},
                               {load256(sums + kLanes), load256(sums + kLanes + 8)});
    store_lanes(output, _mm256_castsi256_si128(bytes), lanes);
    if (i + 1 < rows) store_lanes(output + stride, _mm256_extracti128_si256(bytes, 1), lanes);
  }
}

}  // namespace

void finish_block_avx2(Block const& block, Finish const& finish, int32_t const* sums, int32_t rows,
                       int32_t lanes, int8_t* output, ptrdiff_t stride) {
  constexpr decltype(&finish_rows<Scaling::whole>) kFinish[] = {
      finish_rows<Scaling::whole>, finish_rows<Scaling::line>, finish_rows<Scaling::lines>};
  kFinish[static_cast<size_t>(block.scaling)](block, finish, sums, rows, lanes, output, stride);
}

void multiply_rows_avx2(Matrix const& matrix, void const* const* rows, int32_t count,
                        int8_t* output, ptrdiff_t stride, int32_t* sums) {
  multiply_blocks<MultiplyWords>(matrix, rows, count, output, stride, sums);
}

}  // namespace godwit::engine::x86
