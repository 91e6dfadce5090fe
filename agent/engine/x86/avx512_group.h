// What the AVX-512 products of whole and of half blocks share.
#pragma once

#include "agent/engine/x86/avx512.h"

namespace godwit::engine::x86 {

/// Where sums wait to be requantised: block by block, `rows` of each.
struct Sums {
  int32_t* first;
  int32_t rows;

  GODWIT_INLINE auto at(int32_t block, int32_t row) const -> int32_t* {
    return first + (ptrdiff_t{block} * rows + row) * kLanes;
  }
};

/// A step of a row in every lane, as uint8.
GODWIT_INLINE auto broadcast(int8_t const* values) -> __m512i {
  int32_t word;
  __builtin_memcpy(&word, values, sizeof(word));
  return _mm512_xor_si512(_mm512_set1_epi32(word), _mm512_set1_epi8(-128));
}

/// Sums of one block and several rows as outputs.
void finish_block_avx512(Block const& block, Finish const& finish, int32_t const* sums,
                         int32_t rows, int32_t lanes, int8_t* output, ptrdiff_t stride);

/// The last group of a matrix with half a block, from `first_block` on.
void multiply_half_avx512(Matrix const& matrix, int32_t first_block, void const* const* rows,
                          int32_t count, int8_t* output, ptrdiff_t stride, int32_t* sums);

}  // namespace godwit::engine::x86
