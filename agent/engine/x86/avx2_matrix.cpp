// Matrix products by pmaddwd: exact for all weights, which pmaddubsw is not.
#include "agent/engine/x86/ymm_matrix.h"

namespace godwit::engine::x86 {

namespace {

struct MultiplyWords {
  using Value = int16_t;
  static constexpr int kDepth = 2;
  static constexpr bool kHalves = true;

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
  auto const row = [&](int32_t i) __attribute__((always_inline))->Halves {
    return {load256(sums + i * kLanes), load256(sums + i * kLanes + kLanes / 2)};
  };
  if (rows == 1) {  // half as much to do
    auto const one = row(0);
    store_lanes(output, _mm256_castsi256_si128(f.bytes(one, one)), lanes);
    return;
  }
  for (int32_t i = 0; i < rows; i += 2, output += 2 * stride) {
    bool const both = i + 1 < rows;
    auto const bytes = f.bytes(row(i), row(both ? i + 1 : i));
    store_lanes(output, _mm256_castsi256_si128(bytes), lanes);
    if (both) store_lanes(output + stride, _mm256_extracti128_si256(bytes, 1), lanes);
  }
}

}  // namespace

void finish_block_avx2(Block const& block, Finish const& finish, int32_t const* sums, int32_t rows,
                       int32_t lanes, int8_t* output, ptrdiff_t stride) {
  constexpr decltype(&finish_rows<Scaling::whole>) kFinish[] = {
      finish_rows<Scaling::whole>, finish_rows<Scaling::line>, finish_rows<Scaling::lines>};
  kFinish[static_cast<size_t>(block.scaling)](block, finish, sums, rows, lanes, output, stride);
}

void sum_group_avx2(Matrix const& matrix, int32_t first_block, int32_t width,
                    void const* const* rows, int32_t count, int32_t* sums) {
  sum_blocks<MultiplyWords>(matrix, first_block, width, rows, count, sums);
}

void multiply_rows_avx2(Matrix const& matrix, void const* const* rows, int32_t count,
                        int8_t* output, ptrdiff_t stride, int32_t* sums) {
  multiply_blocks<MultiplyWords>(matrix, rows, count, output, stride, sums);
}

}  // namespace godwit::engine::x86
