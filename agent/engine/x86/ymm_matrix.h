// Matrix products in 16 vectors of 256 bits: a tile of up to six rows by one block is summed in
// registers, then requantised. AVX2 and AVX-VNNI differ in how they multiply.
#pragma once

#include "agent/engine/x86/avx2.h"

namespace godwit::engine::x86 {

constexpr int kTileRows = 6;

/// `Multiply` says what a value of activations is, widens weights and adds products to a sum.
template <typename Multiply, int kRows>
void sum_tile(Matrix const& matrix, int32_t block, void const* const* rows, int32_t* sums) {
  using Value = typename Multiply::Value;
  constexpr int kParts = kDepth / Multiply::kDepth;
  __m256i low[kRows];
  __m256i high[kRows];
  Value const* row[kRows];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    low[i] = load256(matrix.block(block)->bias);
    high[i] = load256(matrix.block(block)->bias + 8);
    row[i] = static_cast<Value const*>(rows[i]);
  }
  auto const* weights = matrix.weights(block);
  auto const* const end = matrix.offsets() + matrix.steps;
  for (auto const* offset = matrix.offsets(); offset != end; ++offset) {
    ptrdiff_t const at = *offset;
#pragma GCC unroll 2
    for (int part = 0; part < kParts; ++part, weights += kLanes * kDepth / kParts) {
      auto const w_low = Multiply::weights(weights);
      auto const w_high = Multiply::weights(weights + kLanes * kDepth / kParts / 2);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        int32_t values;
        __builtin_memcpy(&values, row[i] + at + part * Multiply::kDepth, sizeof(values));
        auto const a = Multiply::activations(_mm256_set1_epi32(values));
        low[i] = Multiply::add(low[i], a, w_low);
        high[i] = Multiply::add(high[i], a, w_high);
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    store256(sums + i * kLanes, low[i]);
    store256(sums + i * kLanes + 8, high[i]);
  }
}

/// Sums of one block and up to kTileRows rows as outputs.
void finish_block_avx2(Block const& block, Finish const& finish, int32_t const* sums, int32_t rows,
                       int32_t lanes, int8_t* output, ptrdiff_t stride);

template <typename Multiply>
void multiply_blocks(Matrix const& matrix, void const* const* rows, int32_t count, int8_t* output,
                     ptrdiff_t stride, int32_t* sums) {
  using SumTile = void (*)(Matrix const&, int32_t, void const* const*, int32_t*);
  constexpr SumTile kSumTile[kTileRows] = {sum_tile<Multiply, 1>, sum_tile<Multiply, 2>,
                                           sum_tile<Multiply, 3>, sum_tile<Multiply, 4>,
                                           sum_tile<Multiply, 5>, sum_tile<Multiply, 6>};
  for (int32_t block = 0; block < matrix.blocks; ++block) {
    int32_t const channel = block * kLanes;
    int32_t const lanes = matrix.channels - channel < kLanes ? matrix.channels - channel : kLanes;
    for (int32_t row = 0; row < count; row += kTileRows) {
      int32_t const here = count - row < kTileRows ? count - row : kTileRows;
      kSumTile[here - 1](matrix, block, rows + row, sums);
      finish_block_avx2(*matrix.block(block), matrix.finish, sums, here, lanes,
                        output + row * stride + channel, stride);
    }
  }
}

}  // namespace godwit::engine::x86
