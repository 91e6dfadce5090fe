// Vector pieces that the AVX-512 kernels share. Only for files built with its flags.
#pragma once

#include <immintrin.h>

#include "agent/engine/x86/matrix.h"

namespace godwit::engine::x86 {

#define GODWIT_INLINE __attribute__((always_inline)) inline

/// Scales sums by `Whole`. What is shifted away from a product of 64 bits is its lower half first.
class Avx512Scale {
 public:
  GODWIT_INLINE explicit Avx512Scale(Whole const& whole)
      : multiplier_(_mm512_load_si512(whole.multiplier)),
        multiplier_odd_(upper(multiplier_)),
        left_(_mm512_load_si512(whole.left)) {
    auto const shift = _mm512_load_si512(whole.shift);
    auto const one = _mm512_set1_epi64(1);
    shift_ = _mm512_sub_epi32(shift, _mm512_set1_epi32(32));
    round_even_ = _mm512_sllv_epi64(one, _mm512_sub_epi64(lower(shift), one));
    round_odd_ = _mm512_sllv_epi64(one, _mm512_sub_epi64(_mm512_srli_epi64(shift, 32), one));
    auto const first_half = _mm512_set1_epi64(INT64_C(1) << 30);
    auto const tie = _mm512_set1_epi64(INT64_C(1) << 31);
    auto const all = _mm512_set1_epi64(-1);
    auto const twice_even = _mm512_testn_epi64_mask(lower(left_), all);
    auto const twice_odd = _mm512_testn_epi64_mask(_mm512_srli_epi64(left_, 32), all);
    round_even_ = _mm512_mask_add_epi64(round_even_, twice_even, round_even_, first_half);
    round_odd_ = _mm512_mask_add_epi64(round_odd_, twice_odd, round_odd_, first_half);
    tie_even_ = _mm512_maskz_mov_epi64(twice_even, tie);
    tie_odd_ = _mm512_maskz_mov_epi64(twice_odd, tie);
  }

  GODWIT_INLINE auto operator()(__m512i sums) const -> __m512i {
    sums = _mm512_sllv_epi32(sums, left_);
    __m512i even = _mm512_mul_epi32(sums, multiplier_);
    __m512i odd = _mm512_mul_epi32(upper(sums), multiplier_odd_);
    even = _mm512_mask_sub_epi64(even, _mm512_movepi64_mask(even), even, tie_even_);
    odd = _mm512_mask_sub_epi64(odd, _mm512_movepi64_mask(odd), odd, tie_odd_);
    even = _mm512_add_epi64(even, round_even_);
    odd = _mm512_add_epi64(odd, round_odd_);
    auto const upper_halves = _mm512_mask_shuffle_epi32(odd, kEven, even, _MM_PERM_DDBB);
    return _mm512_srav_epi32(upper_halves, shift_);
  }

 private:
  static constexpr __mmask16 kEven = 0x5555;

  static GODWIT_INLINE auto lower(__m512i v) -> __m512i { return _mm512_maskz_mov_epi32(kEven, v); }
  /// Odd lanes where even ones were; what is above them does not matter.
  static GODWIT_INLINE auto upper(__m512i v) -> __m512i {
    return _mm512_castps_si512(_mm512_movehdup_ps(_mm512_castsi512_ps(v)));
  }

  __m512i multiplier_, multiplier_odd_, left_;
  __m512i round_even_, round_odd_;
  __m512i tie_even_, tie_odd_;
  __m512i shift_;
};

/// Sums of one block as outputs before the clamp, of 16 bits: what is above them does not matter.
template <Scaling kScaling>
class Avx512Requantise;

template <>
class Avx512Requantise<Scaling::whole> {
 public:
  GODWIT_INLINE Avx512Requantise(Block const& block, Finish const& finish)
      : scale_(block.whole), zero_point_(_mm512_set1_epi32(finish.zero_point)) {}

  GODWIT_INLINE auto operator()(__m512i sums) const -> __m512i {
    constexpr int32_t kFar = 1 << 10;
    auto const near = _mm512_max_epi32(_mm512_min_epi32(scale_(sums), _mm512_set1_epi32(kFar)),
                                       _mm512_set1_epi32(-kFar));
    return _mm512_add_epi32(near, zero_point_);
  }

 private:
  Avx512Scale scale_;
  __m512i zero_point_;
};

template <>
class Avx512Requantise<Scaling::line> {
 public:
  GODWIT_INLINE Avx512Requantise(Block const& block, Finish const&)
      : factor_(_mm512_load_ps(block.straight.factor)),
        base_(_mm512_load_ps(block.straight.base)) {}

  GODWIT_INLINE auto operator()(__m512i sums) const -> __m512i {
    return along(sums, factor_, base_);
  }
  static GODWIT_INLINE auto along(__m512i sums, __m512 factor, __m512 base) -> __m512i {
    return _mm512_castps_si512(_mm512_fmadd_round_ps(
        _mm512_cvtepi32_ps(sums), factor, base, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }

 private:
  __m512 factor_, base_;
};

template <>
class Avx512Requantise<Scaling::lines> {
 public:
  GODWIT_INLINE Avx512Requantise(Block const& block, Finish const&)
      : factor_(_mm512_load_ps(block.straight.factor)),
        base_(_mm512_load_ps(block.straight.base)),
        negative_base_(_mm512_load_ps(block.straight.negative_base)),
        turn_(_mm512_load_si512(block.straight.turn)),
        step_(_mm512_load_si512(block.straight.step)) {}

  GODWIT_INLINE auto operator()(__m512i sums) const -> __m512i {
    auto const negative = _mm512_cmplt_epi32_mask(sums, turn_);
    return Avx512Requantise<Scaling::line>::along(
        _mm512_mask_add_epi32(sums, negative, sums, step_), factor_,
        _mm512_mask_mov_ps(base_, negative, negative_base_));
  }

 private:
  __m512 factor_, base_, negative_base_;
  __m512i turn_, step_;
};

/// Outputs of 16 bits, in the lower halves of lanes, as bytes.
class Avx512Outputs {
 public:
  GODWIT_INLINE explicit Avx512Outputs(Finish const& finish)
      : low_(_mm512_set1_epi8(static_cast<int8_t>(finish.clamp.low))),
        high_(_mm512_set1_epi8(static_cast<int8_t>(finish.clamp.high))) {}

  /// The 16 outputs of each of four vectors, one after another.
  GODWIT_INLINE auto bytes(__m512i a, __m512i b, __m512i c, __m512i d) const -> __m512i {
    auto const order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(order, interleaved(a, b, c, d));
  }
  /// Four of each vector in turn.
  GODWIT_INLINE auto interleaved(__m512i a, __m512i b, __m512i c, __m512i d) const -> __m512i {
    auto const packed = _mm512_packs_epi16(halves(a, b), halves(c, d));
    return _mm512_min_epi8(_mm512_max_epi8(packed, low_), high_);
  }

 private:
  /// The lower halves of lanes: four of `a`, four of `b` in turn.
  static GODWIT_INLINE auto halves(__m512i a, __m512i b) -> __m512i {
    alignas(kMemoryAlignment) static constexpr uint16_t kOrder[2 * kLanes] = {
        0,  2,  4,  6,  32, 34, 36, 38, 8,  10, 12, 14, 40, 42, 44, 46,
        16, 18, 20, 22, 48, 50, 52, 54, 24, 26, 28, 30, 56, 58, 60, 62};
    return _mm512_permutex2var_epi16(a, _mm512_load_si512(kOrder), b);
  }

  __m512i low_, high_;
};

GODWIT_INLINE auto low_mask(int32_t count) -> uint64_t {
  return count >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1;
}

GODWIT_INLINE void store_lanes(int8_t* output, __m128i bytes, int32_t lanes) {
  if (lanes == kLanes)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(output), bytes);
  else
    _mm_mask_storeu_epi8(output, static_cast<__mmask16>((1u << lanes) - 1), bytes);
}

}  // namespace godwit::engine::x86
