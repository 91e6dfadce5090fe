// Matrix products whose last block has eight channels or fewer. Its lanes go in pairs, one channel
// each, which take two steps at once; pairs of rows then share the vectors that are requantised.
#include <algorithm>

#include "agent/engine/x86/avx512_group.h"

namespace godwit::engine::x86 {

namespace {

constexpr int kRows = kRowsMax;

GODWIT_INLINE auto flipped(__m512i values) -> __m512i {
  return _mm512_xor_si512(values, _mm512_set1_epi8(-128));
}

/// Full blocks as sum_tile leaves them, then pairs of rows of the half block.
template <int kFull>
void sum_tile_half(Matrix const& matrix, int32_t first_block, int8_t const* const* rows,
                   Sums sums) {
  __m512i c[kRows][kFull + 1];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 3
    for (int j = 0; j < kFull; ++j)
      c[i][j] = _mm512_load_si512(matrix.block(first_block + j)->bias);
  // Both lanes of a pair are added up in the end: one of them begins with the bias.
  auto const bias = _mm512_maskz_load_epi32(0x5555, matrix.block(first_block + kFull)->bias);
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) c[i][kFull] = bias;
  int8_t const* row[kRows];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) row[i] = rows[i];
  auto const* weights = matrix.weights(first_block);
  auto const* const end = matrix.offsets() + matrix.steps;
  for (auto const* offset = matrix.offsets(); offset != end; offset += 2) {
    ptrdiff_t const at = *offset;
#pragma GCC unroll 2
    for (int s = 0; s < 2 && kFull; ++s, weights += kFull * kLanes * kDepth) {
      __m512i w[kFull + 1];
#pragma GCC unroll 3
      for (int j = 0; j < kFull; ++j) w[j] = _mm512_load_si512(weights + j * kLanes * kDepth);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        auto const a = broadcast(row[i] + at + s * kDepth);
#pragma GCC unroll 3
        for (int j = 0; j < kFull; ++j) c[i][j] = _mm512_dpbusd_epi32(c[i][j], a, w[j]);
      }
    }
    auto const w = _mm512_load_si512(weights);
    weights += kLanes * kDepth;
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      int64_t steps;
      __builtin_memcpy(&steps, row[i] + at, sizeof(steps));
      c[i][kFull] = _mm512_dpbusd_epi32(c[i][kFull], flipped(_mm512_set1_epi64(steps)), w);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 3
    for (int j = 0; j < kFull; ++j) _mm512_store_si512(sums.at(j, i), c[i][j]);
#pragma GCC unroll 4
  for (int i = 0; i < kRows; i += 2) {
    // The sum of a pair in both of its lanes: the first row's in even ones, the next one's in odd.
    auto const total = [](__m512i v) __attribute__((always_inline)) {
      return _mm512_add_epi32(v, _mm512_shuffle_epi32(v, _MM_PERM_CDAB));
    };
    _mm512_store_si512(sums.at(kFull, i / 2),
                       _mm512_mask_blend_epi32(0xaaaa, total(c[i][kFull]), total(c[i + 1][kFull])));
  }
}

/// Pairs of rows of the half block as outputs: up to eight rows, from four vectors.
template <Scaling kScaling>
void finish_half(Block const& block, Finish const& finish, int32_t const* sums, int32_t rows,
                 int32_t lanes, int8_t* output, ptrdiff_t stride) {
  Avx512Requantise<kScaling> const scale(block, finish);
  Avx512Outputs const outputs(finish);
  auto const scaled = [&](int32_t pair) __attribute__((always_inline)) {
    return scale(_mm512_load_si512(sums + pair * kLanes));
  };
  // In each 128 bits: four lanes of each pair of rows in turn.
  auto const bytes = outputs.interleaved(scaled(0), scaled(1), scaled(2), scaled(3));
  alignas(kMemoryAlignment) static constexpr uint8_t kOrder[64] = {
#define GODWIT_ROW(pair, odd)                                                            \
  4 * (pair) + (odd), 4 * (pair) + 2 + (odd), 16 + 4 * (pair) + (odd),                   \
      16 + 4 * (pair) + 2 + (odd), 32 + 4 * (pair) + (odd), 32 + 4 * (pair) + 2 + (odd), \
      48 + 4 * (pair) + (odd), 48 + 4 * (pair) + 2 + (odd)
      GODWIT_ROW(0, 0), GODWIT_ROW(0, 1), GODWIT_ROW(1, 0), GODWIT_ROW(1, 1),
      GODWIT_ROW(2, 0), GODWIT_ROW(2, 1), GODWIT_ROW(3, 0), GODWIT_ROW(3, 1)};
#undef GODWIT_ROW
  alignas(kMemoryAlignment) int8_t stored[kRows * kLanes / 2];
  _mm512_store_si512(stored, _mm512_permutexvar_epi8(_mm512_load_si512(kOrder), bytes));
  for (int32_t i = 0; i < rows; ++i, output += stride) {
    auto const* const row = stored + i * kLanes / 2;
    if (lanes == kLanes / 2)
      __builtin_memcpy(output, row, kLanes / 2);
    else
      store_lanes(output, _mm_loadu_si64(row), lanes);
  }
}

/// What is left of a group, made once and not for each number of whole blocks.
void finish_tile(Matrix const& matrix, int32_t first_block, Sums sums, int32_t rows, int8_t* output,
                 ptrdiff_t stride) {
  int32_t const last = matrix.blocks - 1;
  for (int32_t b = first_block; b < last; ++b)
    finish_block_avx512(*matrix.block(b), matrix.finish, sums.at(b - first_block, 0), rows, kLanes,
                        output + b * kLanes, stride);
  constexpr decltype(&finish_half<Scaling::whole>) kFinish[] = {
      finish_half<Scaling::whole>, finish_half<Scaling::line>, finish_half<Scaling::lines>};
  auto const& block = *matrix.block(last);
  kFinish[static_cast<size_t>(block.scaling)](block, matrix.finish, sums.at(last - first_block, 0),
                                              rows, matrix.channels - last * kLanes,
                                              output + last * kLanes, stride);
}

constexpr decltype(&sum_tile_half<0>) kSumTile[] = {sum_tile_half<0>, sum_tile_half<1>,
                                                    sum_tile_half<2>};

}  // namespace

void multiply_half_avx512(Matrix const& matrix, int32_t first_block, void const* const* rows,
                          int32_t count, int8_t* output, ptrdiff_t stride, int32_t* sums) {
  auto const sum = kSumTile[matrix.blocks - first_block - 1];
  Sums const to{sums, kRows};
  for (int32_t row = 0; row < count; row += kRows, output += kRows * stride) {
    int32_t const here = std::min(kRows, count - row);
    int8_t const* these[kRows];
    for (int32_t i = 0; i < kRows; ++i)
      these[i] = static_cast<int8_t const*>(rows[row + std::min(i, here - 1)]);
    sum(matrix, first_block, these, to);
    finish_tile(matrix, first_block, to, here, output, stride);
  }
}

}  // namespace godwit::engine::x86
