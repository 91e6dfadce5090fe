// Matrix products in 16 vectors of 256 bits: a tile of up to six rows by one block is summed in
// registers, then requantised. AVX2 and AVX-VNNI differ in how they multiply.
#pragma once

#include "agent/engine/x86/avx2.h"

namespace godwit::engine::x86 {

constexpr int kTileRows = 6;
constexpr int kRowBlocks = 4;                 // with one row
constexpr int kRowsTogether = 8 * kTileRows;  // requantised together

/// A block's biases; of one vector, those of its first channels.
template <int kVectors>
GODWIT_INLINE void load_biases(Block const& block, __m256i* sums) {
  if constexpr (kVectors == 2) {
    sums[0] = load256(block.bias);
    sums[1] = load256(block.bias + 8);
  } else {
    auto const half = [&](int lane) __attribute__((always_inline)) {
      return _mm_load_si128(reinterpret_cast<__m128i const*>(block.bias + lane));
    };
    sums[0] = _mm256_inserti128_si256(_mm256_castsi128_si256(half(0)), half(8), 1);
  }
}

template <int kVectors>
GODWIT_INLINE void store_sums(int32_t* to, __m256i const* sums) {
  if constexpr (kVectors == 2) {
    store256(to, sums[0]);
    store256(to + 8, sums[1]);
  } else {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_castsi256_si128(sums[0]));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 8), _mm256_extracti128_si256(sums[0], 1));
  }
}

/// `Multiply` says what a value of activations is, widens weights and adds products to a sum. A
/// block is two vectors, or one if it has half its channels.
template <typename Multiply, int kRows, int kVectors = 2>
void sum_tile(Matrix const& matrix, int32_t block, void const* const* rows, int32_t* sums) {
  using Value = typename Multiply::Value;
  constexpr int kParts = kDepth / Multiply::kDepth;
  constexpr int kPart = kLanes * kDepth / kParts;
  __m256i sum[kRows][kVectors];
  Value const* row[kRows];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    load_biases<kVectors>(*matrix.block(block), sum[i]);
    row[i] = static_cast<Value const*>(rows[i]);
  }
  auto const* weights = matrix.weights(block);
  auto const* const end = matrix.offsets() + matrix.steps;
  for (auto const* offset = matrix.offsets(); offset != end; ++offset) {
    ptrdiff_t const at = *offset;
#pragma GCC unroll 2
    for (int part = 0; part < kParts; ++part, weights += kPart) {
      __m256i w[kVectors];
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) w[v] = Multiply::weights(weights + v * kPart / 2);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        int32_t values;
        __builtin_memcpy(&values, row[i] + at + part * Multiply::kDepth, sizeof(values));
        auto const a = Multiply::activations(_mm256_set1_epi32(values));
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) sum[i][v] = Multiply::add(sum[i][v], a, w[v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) store_sums<kVectors>(sums + i * kLanes, sum[i]);
}

/// One row and four blocks: eight sums, each of which waits for its own only.
template <typename Multiply>
void sum_row(Matrix const& matrix, int32_t first_block, void const* activations, int32_t* sums) {
  using Value = typename Multiply::Value;
  constexpr int kParts = kDepth / Multiply::kDepth;
  constexpr int kHalf = kLanes * kDepth / kParts / 2;
  __m256i sum[2 * kRowBlocks];
#pragma GCC unroll 8
  for (int j = 0; j < 2 * kRowBlocks; ++j)
    sum[j] = load256(matrix.block(first_block + j / 2)->bias + j % 2 * kLanes / 2);
  auto const* weights = matrix.weights(first_block);
  ptrdiff_t const apart = ptrdiff_t{matrix.steps} * kLanes * kDepth;
  auto const* const row = static_cast<Value const*>(activations);
  auto const* const end = matrix.offsets() + matrix.steps;
  for (auto const* offset = matrix.offsets(); offset != end; ++offset) {
#pragma GCC unroll 2
    for (int part = 0; part < kParts; ++part, weights += 2 * kHalf) {
      int32_t values;
      __builtin_memcpy(&values, row + *offset + part * Multiply::kDepth, sizeof(values));
      auto const a = Multiply::activations(_mm256_set1_epi32(values));
#pragma GCC unroll 8
      for (int j = 0; j < 2 * kRowBlocks; ++j)
        sum[j] =
            Multiply::add(sum[j], a, Multiply::weights(weights + j / 2 * apart + j % 2 * kHalf));
    }
  }
#pragma GCC unroll 8
  for (int j = 0; j < 2 * kRowBlocks; ++j) store256(sums + j * kLanes / 2, sum[j]);
}

template <typename Multiply>
constexpr decltype(&sum_tile<Multiply, 1>) kSumTile[kTileRows] = {
    sum_tile<Multiply, 1>, sum_tile<Multiply, 2>, sum_tile<Multiply, 3>,
    sum_tile<Multiply, 4>, sum_tile<Multiply, 5>, sum_tile<Multiply, 6>};

/// Of one row, block by block.
template <typename Multiply>
void sum_row_blocks(Matrix const& matrix, int32_t first_block, int32_t width, void const* row,
                    int32_t* sums) {
  if (width == kRowBlocks) return sum_row<Multiply>(matrix, first_block, row, sums);
  for (int32_t j = 0; j < width; ++j)
    sum_tile<Multiply, 1>(matrix, first_block + j, &row, sums + j * kLanes);
}

/// Sums alone, block by block.
template <typename Multiply>
void sum_blocks(Matrix const& matrix, int32_t first_block, int32_t width, void const* const* rows,
                int32_t count, int32_t* sums) {
  if (count == 1) return sum_row_blocks<Multiply>(matrix, first_block, width, rows[0], sums);
  for (int32_t j = 0; j < width; ++j, sums += count * kLanes)
    for (int32_t row = 0; row < count; row += kTileRows) {
      int32_t const here = count - row < kTileRows ? count - row : kTileRows;
      kSumTile<Multiply>[here - 1](matrix, first_block + j, rows + row, sums + row * kLanes);
    }
}

GODWIT_INLINE auto lanes_of(Matrix const& matrix, int32_t block) -> int32_t {
  int32_t const left = matrix.channels - block * kLanes;
  return left < kLanes ? left : kLanes;
}

template <typename Multiply>
void multiply_row(Matrix const& matrix, void const* row, int8_t* output, int32_t* sums) {
  for (int32_t first = 0; first < matrix.blocks; first += kRowBlocks) {
    int32_t const left = matrix.blocks - first;
    int32_t const width = left < kRowBlocks ? left : kRowBlocks;
    sum_row_blocks<Multiply>(matrix, first, width, row, sums);
    for (int32_t j = 0; j < width; ++j)
      finish_block_avx2(*matrix.block(first + j), matrix.finish, sums + j * kLanes, 1,
                        lanes_of(matrix, first + j), output + (first + j) * kLanes, 0);
  }
}

/// Of a last block in one vector.
template <typename Multiply>
void sum_half(Matrix const& matrix, int32_t block, void const* const* rows, int32_t count,
              int32_t* sums) {
  if constexpr (Multiply::kHalves) {
    if (count == kTileRows) return sum_tile<Multiply, kTileRows, 1>(matrix, block, rows, sums);
    for (int32_t i = 0; i < count; ++i)
      sum_tile<Multiply, 1, 1>(matrix, block, rows + i, sums + i * kLanes);
  }
}

template <typename Multiply>
void multiply_blocks(Matrix const& matrix, void const* const* rows, int32_t count, int8_t* output,
                     ptrdiff_t stride, int32_t* sums) {
  bool const half = Multiply::kHalves && matrix.half;
  if (count == 1 && !half) return multiply_row<Multiply>(matrix, rows[0], output, sums);
  for (int32_t block = 0; block < matrix.blocks; ++block)
    for (int32_t first = 0; first < count; first += kRowsTogether) {
      int32_t const some = count - first < kRowsTogether ? count - first : kRowsTogether;
      for (int32_t row = 0; row < some; row += kTileRows) {
        int32_t const here = some - row < kTileRows ? some - row : kTileRows;
        auto const* const from = rows + first + row;
        if (half && block == matrix.blocks - 1)
          sum_half<Multiply>(matrix, block, from, here, sums + row * kLanes);
        else
          kSumTile<Multiply>[here - 1](matrix, block, from, sums + row * kLanes);
      }
      finish_block_avx2(*matrix.block(block), matrix.finish, sums, some, lanes_of(matrix, block),
                        output + first * stride + block * kLanes, stride);
    }
}

}  // namespace godwit::engine::x86
