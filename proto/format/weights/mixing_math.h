// The arithmetic of a mixer over its inputs: eight of them at once in the SSE2 that every x86-64
// has, one by one elsewhere. Both give the same numbers, bit by bit.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "proto/format/weights/logistic.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace godwit::proto::weights {

/// Logits of a decision, one for each input.
template <size_t kInputs>
struct Logits {
  std::array<int16_t, kInputs> each;
};

/// Of each input its own logit, by how far it is believed, in 1/256.
template <size_t kInputs, typename Logit, typename Confidence>
[[gnu::always_inline]] inline auto gather(Logit const& logit_of, Confidence const& confidence_of)
    -> Logits<kInputs> {
  Logits<kInputs> logits;
  for (size_t i = 0; i < kInputs; ++i)
    logits.each[i] = static_cast<int16_t>(logit_of(i) * confidence_of(i) >> 8);
  return logits;
}

/// The logits of two mixers that weigh the same inputs.
struct TwoLogits {
  int32_t a = 0;
  int32_t b = 0;
};
/// Logits stay below 2^11 and weights below 2^15: sums of few inputs do not overflow.
template <size_t kInputs>
auto dots(Logits<kInputs> const& logits, int16_t const* a, int16_t const* b) -> TwoLogits {
  TwoLogits sum;
  for (size_t i = 0; i < kInputs; ++i) {
    sum.a += int32_t{logits.each[i]} * a[i];
    sum.b += int32_t{logits.each[i]} * b[i];
  }
  return {.a = std::clamp(sum.a >> 14, -kLogitMax, kLogitMax),
          .b = std::clamp(sum.b >> 14, -kLogitMax, kLogitMax)};
}

/// How far a mixer of the probability p was from y, times its rate of learning.
inline auto error_of(bool y, uint32_t p) -> int32_t {
  return ((y ? 65536 : 0) - static_cast<int32_t>(p)) * 6 >> 4;
}

template <size_t kInputs>
void learn(int16_t* weights, Logits<kInputs> const& logits, int32_t error) {
  for (size_t i = 0; i < kInputs; ++i) {
    int32_t const moved = weights[i] + ((logits.each[i] * error + 0x8000) >> 16);
    weights[i] = static_cast<int16_t>(std::clamp(moved, -32767, 32767));
  }
}

/// A column's entries of four factors, each by itself, and their weights in a row.
struct FourFactors {
  std::array<int8_t const*, 4> columns;
  std::array<int16_t, 4> weights;
};
/// Adds the four products of each column to `sums`. Products of 16 and 8 bits; the sums must not
/// overflow.
inline void add_products_of(FourFactors const& four, std::span<int32_t> sums) {
  size_t j = 0;
#ifdef __SSE2__
  auto const both = [&](size_t k) {
    return _mm_set1_epi32(static_cast<int32_t>(static_cast<uint16_t>(four.weights[k])) |
                          four.weights[k + 1] * 65536);
  };
  __m128i const first = both(0);
  __m128i const second = both(2);
  auto const load = [&](size_t k) {
    return _mm_loadl_epi64(reinterpret_cast<__m128i const*>(four.columns[k] + j));
  };
  for (; j + 8 <= sums.size(); j += 8) {
    __m128i const pairs = _mm_unpacklo_epi8(load(0), load(1));
    __m128i const others = _mm_unpacklo_epi8(load(2), load(3));
    // Each byte twice, of which the upper one is kept with its sign.
    auto const low = [](__m128i v) { return _mm_srai_epi16(_mm_unpacklo_epi8(v, v), 8); };
    auto const high = [](__m128i v) { return _mm_srai_epi16(_mm_unpackhi_epi8(v, v), 8); };
    auto* const at = reinterpret_cast<__m128i*>(&sums[j]);
    __m128i const of_low =
        _mm_add_epi32(_mm_madd_epi16(low(pairs), first), _mm_madd_epi16(low(others), second));
    __m128i const of_high =
        _mm_add_epi32(_mm_madd_epi16(high(pairs), first), _mm_madd_epi16(high(others), second));
    _mm_storeu_si128(at, _mm_add_epi32(_mm_loadu_si128(at), of_low));
    _mm_storeu_si128(at + 1, _mm_add_epi32(_mm_loadu_si128(at + 1), of_high));
  }
#endif
  for (; j < sums.size(); ++j)
    for (size_t k = 0; k < 4; ++k) sums[j] += int32_t{four.weights[k]} * four.columns[k][j];
}

#ifdef __SSE2__
template <>
struct Logits<8> {
  __m128i each;
};
template <>
struct Logits<4> {
  __m128i each;
};

/// The middle 16 of 32 bits of the products.
[[gnu::always_inline]] inline auto believed(__m128i logits, __m128i confidence) -> __m128i {
  return _mm_or_si128(_mm_srli_epi16(_mm_mullo_epi16(logits, confidence), 8),
                      _mm_slli_epi16(_mm_mulhi_epi16(logits, confidence), 8));
}
template <size_t kInputs, typename Logit, typename Confidence>
requires(kInputs == 8)
    [[gnu::always_inline]] inline auto gather(Logit const& l, Confidence const& c) -> Logits<8> {
  return {believed(_mm_setr_epi16(l(0), l(1), l(2), l(3), l(4), l(5), l(6), l(7)),
                   _mm_setr_epi16(c(0), c(1), c(2), c(3), c(4), c(5), c(6), c(7)))};
}
template <size_t kInputs, typename Logit, typename Confidence>
requires(kInputs == 4)
    [[gnu::always_inline]] inline auto gather(Logit const& l, Confidence const& c) -> Logits<4> {
  return {believed(_mm_setr_epi16(l(0), l(1), l(2), l(3), 0, 0, 0, 0),
                   _mm_setr_epi16(c(0), c(1), c(2), c(3), 0, 0, 0, 0))};
}

/// The sums of products of eight logits; of four, the upper ones are zero.
[[gnu::always_inline]] inline auto dots_of(__m128i logits, __m128i a, __m128i b) -> TwoLogits {
  __m128i const of_a = _mm_madd_epi16(logits, a);
  __m128i const of_b = _mm_madd_epi16(logits, b);
  __m128i const both =
      _mm_add_epi32(_mm_unpacklo_epi32(of_a, of_b), _mm_unpackhi_epi32(of_a, of_b));
  __m128i const sums = _mm_srai_epi32(_mm_add_epi32(both, _mm_unpackhi_epi64(both, both)), 14);
  __m128i const held =
      _mm_max_epi16(_mm_min_epi16(_mm_packs_epi32(sums, sums), _mm_set1_epi16(kLogitMax)),
                    _mm_set1_epi16(-kLogitMax));
  auto const word = static_cast<uint32_t>(_mm_cvtsi128_si32(held));
  return {.a = static_cast<int16_t>(word & 0xffff), .b = static_cast<int32_t>(word) >> 16};
}
/// Moved weights: by the product plus a half, in 1/65536, which is its upper half and the highest
/// bit of its lower one.
[[gnu::always_inline]] inline auto learnt_of(__m128i weights, __m128i logits, int32_t error)
    -> __m128i {
  __m128i const errors = _mm_set1_epi16(static_cast<int16_t>(error));
  __m128i const half = _mm_srli_epi16(_mm_mullo_epi16(logits, errors), 15);
  __m128i const moved = _mm_add_epi16(_mm_mulhi_epi16(logits, errors), half);
  return _mm_max_epi16(_mm_adds_epi16(weights, moved), _mm_set1_epi16(-32767));
}

template <>
[[gnu::always_inline]] inline auto dots<8>(Logits<8> const& logits, int16_t const* a,
                                           int16_t const* b) -> TwoLogits {
  return dots_of(logits.each, _mm_loadu_si128(reinterpret_cast<__m128i const*>(a)),
                 _mm_loadu_si128(reinterpret_cast<__m128i const*>(b)));
}
template <>
[[gnu::always_inline]] inline auto dots<4>(Logits<4> const& logits, int16_t const* a,
                                           int16_t const* b) -> TwoLogits {
  return dots_of(logits.each, _mm_loadl_epi64(reinterpret_cast<__m128i const*>(a)),
                 _mm_loadl_epi64(reinterpret_cast<__m128i const*>(b)));
}

template <>
[[gnu::always_inline]] inline void learn<8>(int16_t* weights, Logits<8> const& logits,
                                            int32_t error) {
  auto* const at = reinterpret_cast<__m128i*>(weights);
  _mm_storeu_si128(at, learnt_of(_mm_loadu_si128(at), logits.each, error));
}
template <>
[[gnu::always_inline]] inline void learn<4>(int16_t* weights, Logits<4> const& logits,
                                            int32_t error) {
  auto* const at = reinterpret_cast<__m128i*>(weights);
  _mm_storel_epi64(at, learnt_of(_mm_loadl_epi64(at), logits.each, error));
}
#endif

}  // namespace godwit::proto::weights
