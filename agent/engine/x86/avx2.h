// Vector pieces that the AVX2 kernels share. Only for files built with its flags.
#pragma once

#include <immintrin.h>

#include "agent/engine/x86/matrix.h"

namespace godwit::engine::x86 {

#define GODWIT_INLINE __attribute__((always_inline)) inline

GODWIT_INLINE auto load256(void const* from) -> __m256i {
  return _mm256_loadu_si256(static_cast<__m256i const*>(from));
}

GODWIT_INLINE void store256(void* to, __m256i value) {
  _mm256_storeu_si256(static_cast<__m256i*>(to), value);
}

/// Sums of a block: half_lanes of a Layout tell which channels are where.
struct Halves {
  __m256i low, high;
};

/// Requantises sums of one block, two rows at a time.
template <Scaling kScaling>
class Avx2Finish {
 public:
  GODWIT_INLINE Avx2Finish(Block const& block, Finish const& finish)
      : low_(block, 0),
        high_(block, 1),
        zero_point_(_mm256_set1_epi16(static_cast<int16_t>(finish.zero_point))),
        least_(_mm256_set1_epi8(static_cast<int8_t>(finish.clamp.low))),
        most_(_mm256_set1_epi8(static_cast<int8_t>(finish.clamp.high))) {}

  GODWIT_INLINE auto scaled(Halves const& sums) const -> Halves {
    return {low_.scaled(sums.low), high_.scaled(sums.high)};
  }

  /// The 16 outputs of each of two blocks of scaled sums, one after another.
  GODWIT_INLINE auto bytes(Halves const& a, Halves const& b) const -> __m256i {
    auto const first = _mm256_adds_epi16(_mm256_packs_epi32(a.low, a.high), zero_point_);
    auto const second = _mm256_adds_epi16(_mm256_packs_epi32(b.low, b.high), zero_point_);
    auto const ordered =
        _mm256_permute4x64_epi64(_mm256_packs_epi16(first, second), _MM_SHUFFLE(3, 1, 2, 0));
    return _mm256_min_epi8(_mm256_max_epi8(ordered, least_), most_);
  }

 private:
  struct Half {
    GODWIT_INLINE Half(Block const& block, int half)
        : left(load256(block.left + 8 * half)),
          multiplier(load256(block.multiplier + 8 * half)),
          multiplier_odd(_mm256_srli_epi64(multiplier, 32)) {
      auto const full = load256(block.shift + 8 * half);
      shift = _mm256_sub_epi32(full, _mm256_set1_epi32(32));
      // What rounds twice and knows ties is what does not shift left.
      auto const zero = _mm256_setzero_si256();
      auto const twice_even = _mm256_cmpeq_epi64(_mm256_blend_epi32(left, zero, 0xaa), zero);
      auto const twice_odd = _mm256_cmpeq_epi64(_mm256_srli_epi64(left, 32), zero);
      round_even = round(_mm256_blend_epi32(full, zero, 0xaa), twice_even);
      round_odd = round(_mm256_srli_epi64(full, 32), twice_odd);
      auto const tie = _mm256_set1_epi64x(INT64_C(1) << 31);
      tied_even = _mm256_sub_epi64(round_even, _mm256_and_si256(twice_even, tie));
      tied_odd = _mm256_sub_epi64(round_odd, _mm256_and_si256(twice_odd, tie));
    }

    static GODWIT_INLINE auto round(__m256i full_shift, __m256i twice) -> __m256i {
      auto const one = _mm256_set1_epi64x(1);
      auto const last = _mm256_sllv_epi64(one, _mm256_sub_epi64(full_shift, one));
      auto const first = _mm256_and_si256(twice, _mm256_set1_epi64x(INT64_C(1) << 30));
      return _mm256_add_epi64(last, first);
    }

    static GODWIT_INLINE auto rounded(__m256i product, __m256i round, __m256i tied) -> __m256i {
      if constexpr (kScaling == Scaling::plain) return _mm256_add_epi64(product, round);
      auto const chosen = _mm256_blendv_pd(_mm256_castsi256_pd(round), _mm256_castsi256_pd(tied),
                                           _mm256_castsi256_pd(product));
      return _mm256_add_epi64(product, _mm256_castpd_si256(chosen));
    }

    /// What is shifted away from a product of 64 bits is its lower half first.
    GODWIT_INLINE auto scaled(__m256i sums) const -> __m256i {
      if constexpr (kScaling == Scaling::shifted) sums = _mm256_sllv_epi32(sums, left);
      auto const even = rounded(_mm256_mul_epi32(sums, multiplier), round_even, tied_even);
      auto const odd = rounded(_mm256_mul_epi32(_mm256_srli_epi64(sums, 32), multiplier_odd),
                               round_odd, tied_odd);
      auto const upper_halves = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
      return _mm256_srav_epi32(upper_halves, shift);
    }

    __m256i left, multiplier, multiplier_odd;
    __m256i round_even, round_odd, tied_even, tied_odd;
    __m256i shift;
  };

  Half low_, high_;
  __m256i zero_point_, least_, most_;
};

GODWIT_INLINE void store_lanes(int8_t* output, __m128i bytes, int32_t lanes) {
  if (lanes == kLanes) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(output), bytes);
  } else if (lanes == kLanes / 2) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(output), bytes);
  } else {
    alignas(16) int8_t stored[kLanes];
    _mm_store_si128(reinterpret_cast<__m128i*>(stored), bytes);
    for (int32_t i = 0; i < lanes; ++i) output[i] = stored[i];
  }
}

}  // namespace godwit::engine::x86
