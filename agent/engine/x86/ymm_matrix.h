// Matrix products in 16 vectors of 256 bits: a tile of up to six rows by one block is summed in
// registers. AVX2 and AVX-VNNI differ in how they multiply a step.
#pragma once

#include "agent/engine/x86/avx2.h"

namespace godwit::engine::x86 {

constexpr int kTileRows = 6;

/// `Multiply` adds a step's products to `kRows` sums: add<kRows>(weights, rows, offset, sums).
template <typename Multiply, int kRows, bool kGeneral>
GODWIT_INLINE void multiply_tile(Matrix const& matrix, int32_t block, void const* const* rows,
                                 int32_t lanes, int8_t* output, ptrdiff_t stride) {
  using Value = typename Multiply::Value;
  auto const& b = *matrix.block(block);
  Halves sums[kRows + 1];  // one more, so that rows go by twos
  Value const* row[kRows];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    sums[i] = {load256(b.bias), load256(b.bias + 8)};
    row[i] = static_cast<Value const*>(rows[i]);
  }
  auto const* weights = matrix.weights(block);
  auto const* const end = matrix.offsets() + matrix.steps;
  for (auto const* offset = matrix.offsets(); offset != end; ++offset, weights += kLanes * kDepth)
    Multiply::template add<kRows>(weights, row, *offset, sums);
  sums[kRows] = sums[kRows - 1];
  Avx2Finish const finish(b, matrix.finish);
#pragma GCC unroll 8
  for (int i = 0; i < kRows; i += 2, output += 2 * stride) {
    auto const bytes = finish.bytes(finish.template scaled<kGeneral>(sums[i]),
                                    finish.template scaled<kGeneral>(sums[i + 1]));
    store_lanes(output, _mm256_castsi256_si128(bytes), lanes);
    if (i + 1 < kRows) store_lanes(output + stride, _mm256_extracti128_si256(bytes, 1), lanes);
  }
}

template <typename Multiply, bool kGeneral>
void multiply_block(Matrix const& matrix, int32_t block, void const* const* rows, int32_t count,
                    int8_t* output, ptrdiff_t stride) {
  int32_t const first = block * kLanes;
  int32_t const lanes = matrix.channels - first < kLanes ? matrix.channels - first : kLanes;
  output += first;
  int32_t row = 0;
  for (; row + kTileRows <= count; row += kTileRows)
    multiply_tile<Multiply, kTileRows, kGeneral>(matrix, block, rows + row, lanes,
                                                 output + row * stride, stride);
  for (; row + 3 <= count; row += 3)
    multiply_tile<Multiply, 3, kGeneral>(matrix, block, rows + row, lanes, output + row * stride,
                                         stride);
  for (; row < count; ++row)
    multiply_tile<Multiply, 1, kGeneral>(matrix, block, rows + row, lanes, output + row * stride,
                                         stride);
}

template <typename Multiply>
void multiply_blocks(Matrix const& matrix, void const* const* rows, int32_t count, int8_t* output,
                     ptrdiff_t stride) {
  for (int32_t block = 0; block < matrix.blocks; ++block)
    if (matrix.finish.general)
      multiply_block<Multiply, true>(matrix, block, rows, count, output, stride);
    else
      multiply_block<Multiply, false>(matrix, block, rows, count, output, stride);
}

}  // namespace godwit::engine::x86
