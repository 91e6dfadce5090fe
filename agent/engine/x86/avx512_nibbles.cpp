// Nibbles are the unsigned operand of vpdpbusd, the values the signed one.
#include <immintrin.h>

#include "agent/engine/x86/nibbles.h"

namespace godwit::engine::x86 {

auto nibble_sum_avx512(uint8_t const* weights, int32_t bytes, int8_t const* even, int8_t const* odd)
    -> uint32_t {
  auto const low = _mm512_set1_epi8(0xf);
  auto const flip = _mm512_set1_epi8(8);
  auto first = _mm512_setzero_si512();
  auto second = _mm512_setzero_si512();
  for (int32_t i = 0; i < bytes; i += 64) {
    auto const mask = bytes - i < 64 ? (UINT64_C(1) << (bytes - i)) - 1 : ~UINT64_C(0);
    auto const packed = _mm512_maskz_loadu_epi8(mask, weights + i);
    auto const of_even = _mm512_xor_si512(_mm512_and_si512(packed, low), flip);
    auto const of_odd = _mm512_xor_si512(_mm512_and_si512(_mm512_srli_epi16(packed, 4), low), flip);
    first = _mm512_dpbusd_epi32(first, of_even, _mm512_loadu_si512(even + i));
    second = _mm512_dpbusd_epi32(second, of_odd, _mm512_loadu_si512(odd + i));
  }
  return static_cast<uint32_t>(_mm512_reduce_add_epi32(_mm512_add_epi32(first, second)));
}

}  // namespace godwit::engine::x86
