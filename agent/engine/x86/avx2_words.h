// Words of sixteen bits in vectors of 256, as the recurrent layers compute with them: LstmRun asks
// for these operations.
#pragma once

#include "agent/engine/x86/avx2.h"
#include "agent/engine/x86/factor.h"

namespace godwit::engine::x86 {

struct Words256 {
  using Vector = __m256i;
  static constexpr int32_t kTogether = 16;

  class Scale {
   public:
    GODWIT_INLINE explicit Scale(Factor const& factor)
        : multiplier_(_mm256_set1_epi32(factor.multiplier)),
          round_(_mm256_set1_epi64x(factor.round)),
          turn_(_mm256_set1_epi32(factor.turn)),
          left_(_mm256_set1_epi32(factor.left)),
          right_(_mm256_set1_epi32(factor.right)) {}

    GODWIT_INLINE auto operator()(__m256i sums) const -> __m256i {
      auto const turned = _mm256_cmpgt_epi32(turn_, sums);
      auto const moved = _mm256_sllv_epi32(sums, left_);
      auto const even = _mm256_add_epi64(_mm256_mul_epi32(moved, multiplier_), round_);
      auto const odd =
          _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(moved, 32), multiplier_), round_);
      auto const upper_halves = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
      return _mm256_srav_epi32(_mm256_add_epi32(upper_halves, turned), right_);
    }

   private:
    __m256i multiplier_, round_, turn_, left_, right_;
  };

  /// Half blocks are in the order in which packing takes them.
  static GODWIT_INLINE auto scaled_lanes(Scale const& scale, int32_t const* sums) -> __m256i {
    return bounded(scale(load256(sums)), scale(load256(sums + kLanes / 2)));
  }
  static GODWIT_INLINE auto load_lanes(int16_t const* from) -> __m256i { return load256(from); }
  static GODWIT_INLINE void store_lanes(int16_t* to, __m256i words) { store256(to, words); }

  static GODWIT_INLINE auto load(int16_t const* from) -> Vector { return load256(from); }
  static GODWIT_INLINE void store(int16_t* to, Vector words) { store256(to, words); }
  static GODWIT_INLINE void store_bytes(int8_t* to, Vector words) {
    auto const bytes =
        _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
  }
  static GODWIT_INLINE auto all(int32_t word) -> Vector {
    return _mm256_set1_epi16(static_cast<int16_t>(word));
  }
  static GODWIT_INLINE auto add(Vector a, Vector b) -> Vector { return _mm256_add_epi16(a, b); }
  static GODWIT_INLINE auto adds(Vector a, Vector b) -> Vector { return _mm256_adds_epi16(a, b); }
  static GODWIT_INLINE auto min(Vector a, Vector b) -> Vector { return _mm256_min_epi16(a, b); }
  static GODWIT_INLINE auto max(Vector a, Vector b) -> Vector { return _mm256_max_epi16(a, b); }
  static GODWIT_INLINE auto both(Vector a, Vector b) -> Vector { return _mm256_and_si256(a, b); }
  static GODWIT_INLINE auto magnitude(Vector v) -> Vector { return _mm256_abs_epi16(v); }
  static GODWIT_INLINE auto signed_as(Vector v, Vector sign) -> Vector {
    return _mm256_sign_epi16(v, sign);
  }
  static GODWIT_INLINE auto low_half(Vector a, Vector b) -> Vector {
    return _mm256_mullo_epi16(a, b);
  }
  static GODWIT_INLINE auto high_half(Vector a, Vector b) -> Vector {
    return _mm256_mulhi_epi16(a, b);
  }
  static GODWIT_INLINE auto high_half_unsigned(Vector a, Vector b) -> Vector {
    return _mm256_mulhi_epu16(a, b);
  }
  static GODWIT_INLINE auto unpack_low(Vector a, Vector b) -> Vector {
    return _mm256_unpacklo_epi16(a, b);
  }
  static GODWIT_INLINE auto unpack_high(Vector a, Vector b) -> Vector {
    return _mm256_unpackhi_epi16(a, b);
  }

  // Of 32 bits.
  static GODWIT_INLINE auto add32(Vector v, int32_t by) -> Vector {
    return _mm256_add_epi32(v, _mm256_set1_epi32(by));
  }
  static GODWIT_INLINE auto sum_pairs(Vector a, Vector b, int32_t more) -> Vector {
    return add32(_mm256_madd_epi16(a, b), more);
  }
  static GODWIT_INLINE auto magnitude32(Vector v) -> Vector { return _mm256_abs_epi32(v); }
  static GODWIT_INLINE auto shifted(Vector v, int32_t bits) -> Vector {
    return _mm256_sra_epi32(v, _mm_cvtsi32_si128(bits));
  }
  static GODWIT_INLINE auto bounded(Vector low, Vector high) -> Vector {
    return _mm256_packs_epi32(low, high);
  }
  static GODWIT_INLINE auto lower_halves(Vector low, Vector high) -> Vector {
    auto const zero = _mm256_setzero_si256();
    return _mm256_packus_epi32(_mm256_blend_epi16(low, zero, 0xaa),
                               _mm256_blend_epi16(high, zero, 0xaa));
  }
};

}  // namespace godwit::engine::x86
