// The LSTM by AVX-512: 32 units at once, whose curves are permutations of words.
#include "agent/engine/x86/avx512.h"
#include "agent/engine/x86/lstm_run.h"

namespace godwit::engine::x86 {

namespace {

struct Words512 {
  using Vector = __m512i;
  static constexpr int32_t kTogether = 32;

  class Scale {
   public:
    GODWIT_INLINE explicit Scale(Factor const& factor)
        : multiplier_(_mm512_set1_epi32(factor.multiplier)),
          round_(_mm512_set1_epi64(factor.round)),
          turn_(_mm512_set1_epi32(factor.turn)),
          left_(_mm512_set1_epi32(factor.left)),
          right_(_mm512_set1_epi32(factor.right)) {}

    GODWIT_INLINE auto operator()(__m512i sums) const -> __m512i {
      auto const turned = _mm512_cmplt_epi32_mask(sums, turn_);
      auto const moved = _mm512_sllv_epi32(sums, left_);
      auto const upper = _mm512_castps_si512(_mm512_movehdup_ps(_mm512_castsi512_ps(moved)));
      auto const even = _mm512_add_epi64(_mm512_mul_epi32(moved, multiplier_), round_);
      auto const odd = _mm512_add_epi64(_mm512_mul_epi32(upper, multiplier_), round_);
      auto const upper_halves = _mm512_mask_shuffle_epi32(odd, 0x5555, even, _MM_PERM_DDBB);
      auto const less =
          _mm512_mask_sub_epi32(upper_halves, turned, upper_halves, _mm512_set1_epi32(1));
      return _mm512_srav_epi32(less, right_);
    }

   private:
    __m512i multiplier_, round_, turn_, left_, right_;
  };

  static GODWIT_INLINE auto scaled_lanes(Scale const& scale, int32_t const* sums) -> __m256i {
    return _mm512_cvtsepi32_epi16(scale(_mm512_load_si512(sums)));
  }
  static GODWIT_INLINE auto load_lanes(int16_t const* from) -> __m256i {
    return _mm256_loadu_si256(reinterpret_cast<__m256i const*>(from));
  }
  static GODWIT_INLINE void store_lanes(int16_t* to, __m256i words) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), words);
  }

  static GODWIT_INLINE auto load(int16_t const* from) -> Vector { return _mm512_loadu_si512(from); }
  static GODWIT_INLINE void store(int16_t* to, Vector words) { _mm512_storeu_si512(to, words); }
  static GODWIT_INLINE void store_bytes(int8_t* to, Vector words) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtsepi16_epi8(words));
  }
  static GODWIT_INLINE auto all(int32_t word) -> Vector {
    return _mm512_set1_epi16(static_cast<int16_t>(word));
  }
  static GODWIT_INLINE auto add(Vector a, Vector b) -> Vector { return _mm512_add_epi16(a, b); }
  static GODWIT_INLINE auto adds(Vector a, Vector b) -> Vector { return _mm512_adds_epi16(a, b); }
  static GODWIT_INLINE auto min(Vector a, Vector b) -> Vector { return _mm512_min_epi16(a, b); }
  static GODWIT_INLINE auto max(Vector a, Vector b) -> Vector { return _mm512_max_epi16(a, b); }
  static GODWIT_INLINE auto both(Vector a, Vector b) -> Vector { return _mm512_and_si512(a, b); }
  static GODWIT_INLINE auto magnitude(Vector v) -> Vector { return _mm512_abs_epi16(v); }
  static GODWIT_INLINE auto signed_as(Vector v, Vector sign) -> Vector {
    return _mm512_mask_sub_epi16(v, _mm512_movepi16_mask(sign), _mm512_setzero_si512(), v);
  }
  static GODWIT_INLINE auto low_half(Vector a, Vector b) -> Vector {
    return _mm512_mullo_epi16(a, b);
  }
  static GODWIT_INLINE auto high_half(Vector a, Vector b) -> Vector {
    return _mm512_mulhi_epi16(a, b);
  }
  static GODWIT_INLINE auto high_half_unsigned(Vector a, Vector b) -> Vector {
    return _mm512_mulhi_epu16(a, b);
  }
  static GODWIT_INLINE auto unpack_low(Vector a, Vector b) -> Vector {
    return _mm512_unpacklo_epi16(a, b);
  }
  static GODWIT_INLINE auto unpack_high(Vector a, Vector b) -> Vector {
    return _mm512_unpackhi_epi16(a, b);
  }

  // Of 32 bits.
  static GODWIT_INLINE auto add32(Vector v, int32_t by) -> Vector {
    return _mm512_add_epi32(v, _mm512_set1_epi32(by));
  }
  static GODWIT_INLINE auto sum_pairs(Vector a, Vector b, int32_t more) -> Vector {
    return _mm512_dpwssd_epi32(_mm512_set1_epi32(more), a, b);
  }
  static GODWIT_INLINE auto magnitude32(Vector v) -> Vector { return _mm512_abs_epi32(v); }
  static GODWIT_INLINE auto shifted(Vector v, int32_t bits) -> Vector {
    return _mm512_sra_epi32(v, _mm_cvtsi32_si128(bits));
  }
  static GODWIT_INLINE auto bounded(Vector low, Vector high) -> Vector {
    return _mm512_packs_epi32(low, high);
  }
  static GODWIT_INLINE auto lower_halves(Vector low, Vector high) -> Vector {
    auto const mask = _mm512_set1_epi32(0xffff);
    return _mm512_packus_epi32(_mm512_and_si512(low, mask), _mm512_and_si512(high, mask));
  }

  struct Pairs {
    Vector low, high;
  };

  /// What a quarter of the steps finds, by the lower six bits.
  static GODWIT_INLINE auto quarter(int16_t const* table, Vector step) -> Vector {
    return _mm512_permutex2var_epi16(_mm512_load_si512(table), step, _mm512_load_si512(table + 32));
  }
  static GODWIT_INLINE auto find(int16_t const* table, Vector step, __mmask32 second,
                                 __mmask32 upper) -> Vector {
    auto const low =
        _mm512_mask_blend_epi16(second, quarter(table, step), quarter(table + 64, step));
    auto const high =
        _mm512_mask_blend_epi16(second, quarter(table + 128, step), quarter(table + 192, step));
    return _mm512_mask_blend_epi16(upper, low, high);
  }
  static GODWIT_INLINE auto find(Curve const& curve, Vector step) -> Pairs {
    auto const second = _mm512_movepi16_mask(_mm512_slli_epi16(step, 9));
    auto const upper = _mm512_movepi16_mask(_mm512_slli_epi16(step, 8));
    auto const value = find(curve.entries, step, second, upper);
    auto const distance = find(curve.entries + 256, step, second, upper);
    return {unpack_low(value, distance), unpack_high(value, distance)};
  }
};

}  // namespace

void lstm_avx512(Step const& step, Layout const& layout, SumGroup sum, void* scratch) {
  run_lstm<Words512>(step, layout, sum, scratch);
}

}  // namespace godwit::engine::x86
