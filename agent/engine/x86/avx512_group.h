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
template <Scaling kScaling>
GODWIT_INLINE void finish_block(Block const& block, Avx512Outputs const& outputs,
                                int32_t const* sums, int32_t rows, int32_t lanes, int8_t* output,
                                ptrdiff_t stride) {
  Avx512Scale<kScaling> const scale(block);
  auto const scaled = [&](int32_t row) __attribute__((always_inline)) {
    return scale(_mm512_load_si512(sums + row * kLanes));
  };
  auto const store = [&](__m512i bytes, int32_t here) __attribute__((always_inline)) {
    store_lanes(output, _mm512_castsi512_si128(bytes), lanes);
    if (here > 1) store_lanes(output + stride, _mm512_extracti32x4_epi32(bytes, 1), lanes);
    if (here > 2) store_lanes(output + 2 * stride, _mm512_extracti32x4_epi32(bytes, 2), lanes);
    if (here > 3) store_lanes(output + 3 * stride, _mm512_extracti32x4_epi32(bytes, 3), lanes);
  };
  int32_t i = 0;
  for (; i + 4 <= rows; i += 4, output += 4 * stride)
    store(outputs.bytes(scaled(i), scaled(i + 1), scaled(i + 2), scaled(i + 3)), 4);
  if (i == rows) return;
  auto const last = scaled(rows - 1);
  store(outputs.bytes(scaled(i), i + 1 < rows ? scaled(i + 1) : last, last, last), rows - i);
}

/// The last group of a matrix with half a block, from `first_block` on.
void multiply_half_avx512(Matrix const& matrix, int32_t first_block, void const* const* rows,
                          int32_t count, int8_t* output, ptrdiff_t stride, int32_t* sums);

}  // namespace godwit::engine::x86
