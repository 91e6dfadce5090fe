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

/// Half a block of sums as outputs before the clamp, of 16 bits.
template <Scaling kScaling>
class Avx2Half;

template <>
class Avx2Half<Scaling::whole> {
 public:
  GODWIT_INLINE Avx2Half(Block const& block, Finish const& finish, int half)
      : left_(load256(block.whole.left + 8 * half)),
        multiplier_(load256(block.whole.multiplier + 8 * half)),
        multiplier_odd_(_mm256_srli_epi64(multiplier_, 32)),
        zero_point_(_mm256_set1_epi32(finish.zero_point)) {
    auto const full = load256(block.whole.shift + 8 * half);
    shift_ = _mm256_sub_epi32(full, _mm256_set1_epi32(32));
    // What rounds twice and knows ties is what does not shift left.
    auto const zero = _mm256_setzero_si256();
    auto const twice_even = _mm256_cmpeq_epi64(_mm256_blend_epi32(left_, zero, 0xaa), zero);
    auto const twice_odd = _mm256_cmpeq_epi64(_mm256_srli_epi64(left_, 32), zero);
    round_even_ = round(_mm256_blend_epi32(full, zero, 0xaa), twice_even);
    round_odd_ = round(_mm256_srli_epi64(full, 32), twice_odd);
    auto const tie = _mm256_set1_epi64x(INT64_C(1) << 31);
    tied_even_ = _mm256_sub_epi64(round_even_, _mm256_and_si256(twice_even, tie));
    tied_odd_ = _mm256_sub_epi64(round_odd_, _mm256_and_si256(twice_odd, tie));
  }

  /// What is shifted away from a product of 64 bits is its lower half first.
  GODWIT_INLINE auto operator()(__m256i sums) const -> __m256i {
    sums = _mm256_sllv_epi32(sums, left_);
    auto const even = rounded(_mm256_mul_epi32(sums, multiplier_), round_even_, tied_even_);
    auto const odd = rounded(_mm256_mul_epi32(_mm256_srli_epi64(sums, 32), multiplier_odd_),
                             round_odd_, tied_odd_);
    auto const upper_halves = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
    auto const scaled = _mm256_srav_epi32(upper_halves, shift_);
    constexpr int32_t kFar = 1 << 10;
    auto const near = _mm256_max_epi32(_mm256_min_epi32(scaled, _mm256_set1_epi32(kFar)),
                                       _mm256_set1_epi32(-kFar));
    return _mm256_add_epi32(near, zero_point_);
  }

 private:
  static GODWIT_INLINE auto round(__m256i full_shift, __m256i twice) -> __m256i {
    auto const one = _mm256_set1_epi64x(1);
    auto const last = _mm256_sllv_epi64(one, _mm256_sub_epi64(full_shift, one));
    auto const first = _mm256_and_si256(twice, _mm256_set1_epi64x(INT64_C(1) << 30));
    return _mm256_add_epi64(last, first);
  }
  static GODWIT_INLINE auto rounded(__m256i product, __m256i round, __m256i tied) -> __m256i {
    auto const chosen = _mm256_blendv_pd(_mm256_castsi256_pd(round), _mm256_castsi256_pd(tied),
                                         _mm256_castsi256_pd(product));
    return _mm256_add_epi64(product, _mm256_castpd_si256(chosen));
  }

  __m256i left_, multiplier_, multiplier_odd_, zero_point_;
  __m256i round_even_, round_odd_, tied_even_, tied_odd_;
  __m256i shift_;
};

template <>
class Avx2Half<Scaling::line> {
 public:
  GODWIT_INLINE Avx2Half(Block const& block, Finish const&, int half)
      : factor_(_mm256_load_ps(block.straight.factor + 8 * half)),
        base_(_mm256_load_ps(block.straight.base + 8 * half)) {}

  GODWIT_INLINE auto operator()(__m256i sums) const -> __m256i {
    return along(sums, factor_, base_);
  }
  /// Rounded to nearest, which is how every thread begins.
  static GODWIT_INLINE auto along(__m256i sums, __m256 factor, __m256 base) -> __m256i {
    auto const at = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums), factor, base);
    return _mm256_sub_epi32(_mm256_castps_si256(at), _mm256_set1_epi32(kMiddleBits));
  }

 private:
  static constexpr int32_t kMiddleBits = 0x4b400000;  // of the float32 3 * 2^22
  __m256 factor_, base_;
};

template <>
class Avx2Half<Scaling::lines> {
 public:
  GODWIT_INLINE Avx2Half(Block const& block, Finish const&, int half)
      : factor_(_mm256_load_ps(block.straight.factor + 8 * half)),
        base_(_mm256_load_ps(block.straight.base + 8 * half)),
        negative_base_(_mm256_load_ps(block.straight.negative_base + 8 * half)),
        turn_(load256(block.straight.turn + 8 * half)),
        step_(load256(block.straight.step + 8 * half)) {}

  GODWIT_INLINE auto operator()(__m256i sums) const -> __m256i {
    auto const negative = _mm256_cmpgt_epi32(turn_, sums);
    auto const moved = _mm256_add_epi32(sums, _mm256_and_si256(negative, step_));
    auto const base = _mm256_blendv_ps(base_, negative_base_, _mm256_castsi256_ps(negative));
    return Avx2Half<Scaling::line>::along(moved, factor_, base);
  }

 private:
  __m256 factor_, base_, negative_base_;
  __m256i turn_, step_;
};

/// Requantises sums of one block, two rows at a time.
template <Scaling kScaling>
class Avx2Finish {
 public:
  GODWIT_INLINE Avx2Finish(Block const& block, Finish const& finish)
      : low_(block, finish, 0),
        high_(block, finish, 1),
        least_(_mm256_set1_epi8(static_cast<int8_t>(finish.clamp.low))),
        most_(_mm256_set1_epi8(static_cast<int8_t>(finish.clamp.high))) {}

  /// The 16 outputs of each of two rows, one after another.
  GODWIT_INLINE auto bytes(Halves const& a, Halves const& b) const -> __m256i {
    auto const first = _mm256_packs_epi32(low_(a.low), high_(a.high));
    auto const second = _mm256_packs_epi32(low_(b.low), high_(b.high));
    auto const ordered =
        _mm256_permute4x64_epi64(_mm256_packs_epi16(first, second), _MM_SHUFFLE(3, 1, 2, 0));
    return _mm256_min_epi8(_mm256_max_epi8(ordered, least_), most_);
  }

 private:
  Avx2Half<kScaling> low_, high_;
  __m256i least_, most_;
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
