// Vector pieces that the AVX-512 kernels share. Only for files built with its flags.
#pragma once

#include <immintrin.h>

#include "agent/engine/x86/matrix.h"

namespace godwit::engine::x86 {

#define GODWIT_INLINE __attribute__((always_inline)) inline

/// Requantises sums of one block: four vectors at a time, which leave as bytes.
class Avx512Finish {
 public:
  GODWIT_INLINE Avx512Finish(Block const& block, Finish const& finish)
      : block_(block),
        multiplier_(_mm512_load_si512(block.multiplier)),
        multiplier_odd_(_mm512_srli_epi64(multiplier_, 32)),
        round_even_(_mm512_load_si512(block.round_even)),
        round_odd_(_mm512_load_si512(block.round_odd)),
        shift_even_(_mm512_load_si512(block.shift_even)),
        shift_odd_(_mm512_load_si512(block.shift_odd)),
        zero_point_(_mm512_set1_epi16(static_cast<int16_t>(finish.zero_point))),
        low_(_mm512_set1_epi8(static_cast<int8_t>(finish.clamp.low))),
        high_(_mm512_set1_epi8(static_cast<int8_t>(finish.clamp.high))) {}

  /// Not kGeneral: no channel shifts left, and what ties do below the zero point is clamped off.
  template <bool kGeneral>
  GODWIT_INLINE auto scaled(__m512i sums) const -> __m512i {
    if constexpr (kGeneral) sums = _mm512_sllv_epi32(sums, _mm512_load_si512(block_.left));
    __m512i even = _mm512_mul_epi32(sums, multiplier_);
    __m512i odd = _mm512_mul_epi32(_mm512_srli_epi64(sums, 32), multiplier_odd_);
    if constexpr (kGeneral) {
      auto const even_negative = _mm512_movepi64_mask(even);
      auto const odd_negative = _mm512_movepi64_mask(odd);
      even = _mm512_mask_sub_epi64(even, even_negative, even, _mm512_load_si512(block_.tie_even));
      odd = _mm512_mask_sub_epi64(odd, odd_negative, odd, _mm512_load_si512(block_.tie_odd));
    }
    even = _mm512_srav_epi64(_mm512_add_epi64(even, round_even_), shift_even_);
    odd = _mm512_srav_epi64(_mm512_add_epi64(odd, round_odd_), shift_odd_);
    return _mm512_mask_blend_epi32(0xaaaa, even, odd);
  }

  /// The 16 outputs of each of four vectors of scaled sums, one after another.
  GODWIT_INLINE auto bytes(__m512i a, __m512i b, __m512i c, __m512i d) const -> __m512i {
    auto const ab = _mm512_adds_epi16(_mm512_packs_epi32(a, b), zero_point_);
    auto const cd = _mm512_adds_epi16(_mm512_packs_epi32(c, d), zero_point_);
    auto const clamped = _mm512_min_epi8(_mm512_max_epi8(_mm512_packs_epi16(ab, cd), low_), high_);
    auto const order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(order, clamped);
  }

 private:
  Block const& block_;
  __m512i multiplier_, multiplier_odd_;
  __m512i round_even_, round_odd_;
  __m512i shift_even_, shift_odd_;
  __m512i zero_point_, low_, high_;
};

GODWIT_INLINE void store_lanes(int8_t* output, __m128i bytes, int32_t lanes) {
  if (lanes == kLanes)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(output), bytes);
  else if (lanes == kLanes / 2)
    _mm_storel_epi64(reinterpret_cast<__m128i*>(output), bytes);
  else
    _mm_mask_storeu_epi8(output, static_cast<__mmask16>((1u << lanes) - 1), bytes);
}

}  // namespace godwit::engine::x86
