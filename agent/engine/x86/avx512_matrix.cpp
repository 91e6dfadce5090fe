// Matrix products by vpdpbusd: a tile of rows and blocks of channels is summed in registers, then
// requantised.
#include <algorithm>

#include "agent/engine/x86/avx512.h"

namespace godwit::engine::x86 {

namespace {

/// A step of a row in every lane, as uint8.
GODWIT_INLINE auto broadcast(int8_t const* values) -> __m512i {
  int32_t word;
  __builtin_memcpy(&word, values, sizeof(word));
  return _mm512_xor_si512(_mm512_set1_epi32(word), _mm512_set1_epi8(-128));
}

template <int kRows, int kBlocks>
void sum_tile(Matrix const& matrix, int32_t first_block, void const* const* rows, int32_t* sums) {
  __m512i c[kRows][kBlocks];
#pragma GCC unroll 8
  for (int j = 0; j < kBlocks; ++j) {
    auto const bias = _mm512_load_si512(matrix.block(first_block + j)->bias);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) c[i][j] = bias;
  }
  int8_t const* row[kRows];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) row[i] = static_cast<int8_t const*>(rows[i]);
  auto const* weights = matrix.weights(first_block);
  auto const* const end = matrix.offsets() + matrix.steps;
  for (auto const* offset = matrix.offsets(); offset != end; ++offset) {
    ptrdiff_t const at = *offset;
    __m512i w[kBlocks];
#pragma GCC unroll 8
    for (int j = 0; j < kBlocks; ++j) w[j] = _mm512_load_si512(weights + j * kLanes * kDepth);
    weights += kBlocks * kLanes * kDepth;
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      auto const a = broadcast(row[i] + at);
#pragma GCC unroll 8
      for (int j = 0; j < kBlocks; ++j) c[i][j] = _mm512_dpbusd_epi32(c[i][j], a, w[j]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < kBlocks; ++j)
      _mm512_store_si512(sums + (j * kRowsMax + i) * kLanes, c[i][j]);
}

/// Sums of one block and up to kRowsMax rows as outputs.
template <bool kGeneral>
void finish_block(Block const& block, Finish const& finish, int32_t const* sums, int32_t rows,
                  int32_t lanes, int8_t* output, ptrdiff_t stride) {
  Avx512Finish const f(block, finish);
  auto const scaled = [&](int32_t row) {
    return f.scaled<kGeneral>(_mm512_load_si512(sums + row * kLanes));
  };
  for (int32_t i = 0; i < rows; i += 4, output += 4 * stride) {
    int32_t const here = std::min(rows - i, 4);
    auto const a = scaled(i);
    auto const b = here > 1 ? scaled(i + 1) : a;
    auto const c = here > 2 ? scaled(i + 2) : a;
    auto const d = here > 3 ? scaled(i + 3) : a;
    auto const bytes = f.bytes(a, b, c, d);
    store_lanes(output, _mm512_castsi512_si128(bytes), lanes);
    if (here > 1) store_lanes(output + stride, _mm512_extracti32x4_epi32(bytes, 1), lanes);
    if (here > 2) store_lanes(output + 2 * stride, _mm512_extracti32x4_epi32(bytes, 2), lanes);
    if (here > 3) store_lanes(output + 3 * stride, _mm512_extracti32x4_epi32(bytes, 3), lanes);
  }
}

using SumTile = void (*)(Matrix const&, int32_t, void const* const*, int32_t*);
constexpr SumTile kSumTile[4][kRowsMax] = {
    {sum_tile<1, 1>, sum_tile<2, 1>, sum_tile<3, 1>, sum_tile<4, 1>, sum_tile<5, 1>, sum_tile<6, 1>,
     sum_tile<7, 1>, sum_tile<8, 1>},
    {sum_tile<1, 2>, sum_tile<2, 2>, sum_tile<3, 2>, sum_tile<4, 2>, sum_tile<5, 2>, sum_tile<6, 2>,
     sum_tile<7, 2>, sum_tile<8, 2>},
    {sum_tile<1, 3>, sum_tile<2, 3>, sum_tile<3, 3>, sum_tile<4, 3>, sum_tile<5, 3>, sum_tile<6, 3>,
     sum_tile<7, 3>, sum_tile<8, 3>},
    {sum_tile<1, 4>, sum_tile<2, 4>, sum_tile<3, 4>, sum_tile<4, 4>, sum_tile<5, 4>, sum_tile<6, 4>,
     nullptr, nullptr}};
constexpr SumTile kSumRow[kWidthMax] = {sum_tile<1, 1>, sum_tile<1, 2>, sum_tile<1, 3>,
                                        sum_tile<1, 4>, sum_tile<1, 5>, sum_tile<1, 6>,
                                        sum_tile<1, 7>, sum_tile<1, 8>};

using FinishBlock = void (*)(Block const&, Finish const&, int32_t const*, int32_t, int32_t, int8_t*,
                             ptrdiff_t);
}  // namespace

void multiply_rows_avx512(Matrix const& matrix, void const* const* rows, int32_t count,
                          int8_t* output, ptrdiff_t stride, int32_t* sums) {
  auto const& finish = matrix.finish;
  FinishBlock const requantise = finish.general ? finish_block<true> : finish_block<false>;
  for (int32_t group = 0; group < matrix.blocks; group += matrix.width) {
    int32_t const width = std::min(matrix.width, matrix.blocks - group);
    int32_t const tile = width > 3 ? 6 : kRowsMax;
    for (int32_t row = 0; row < count; row += tile) {
      int32_t const here = count == 1 ? 1 : std::min(tile, count - row);
      auto const sum = count == 1 ? kSumRow[width - 1] : kSumTile[width - 1][here - 1];
      sum(matrix, group, rows + row, sums);
      for (int32_t j = 0; j < width; ++j) {
        int32_t const channel = (group + j) * kLanes;
        requantise(*matrix.block(group + j), finish, sums + j * kRowsMax * kLanes, here,
                   std::min(kLanes, matrix.channels - channel), output + row * stride + channel,
                   stride);
      }
    }
  }
}

}  // namespace godwit::engine::x86
