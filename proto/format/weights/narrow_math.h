// The arithmetic around codes of eight bits, by pieces of a row: predicting them, and what columns
// remember of their differences. Eight at a time in the SSE2 that every x86-64 has, one by one
// elsewhere: both give the same numbers, bit by bit.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace godwit::proto::weights {

constexpr size_t kPieceElements = 448;  // even: int4 share bytes; what small stacks have room for
constexpr int32_t kRatioOne = 2048;     // a row's factor of 1
constexpr int32_t kRatioMax = 16 * kRatioOne;

/// About two steps per octave.
inline auto log_step(uint32_t v) -> uint32_t {
  // Without a branch: 0 and 1 are taken for 2 and 3.
  auto const b = static_cast<uint32_t>(std::bit_width(v | 2)) - 1;
  return 2 * b + ((v >> (b - 1)) & 1) - (v < 2 ? 2 : 0);
}

/// How a row of codes is predicted; `moves` of the piece in 1/65536, or empty.
struct RowPrediction {
  bool from_old = false;
  int32_t ratio = kRatioOne;
  std::span<int32_t const> moves{};
};

/// The predictions of a piece of a row, and where between its neighbours each lay, in
/// 1/2^(16 - kShift) from half below on.
template <uint32_t kShift>
struct Predictions {
  std::array<int8_t, kPieceElements> value;
  std::array<uint8_t, kPieceElements> fraction;
};

#ifdef __SSE2__
/// Four predictions in 1/65536, and a half: of codes twice in 32 bits, for two halves of a ratio.
[[gnu::always_inline]] inline auto exact_of(__m128i codes, __m128i ratio, int32_t const* moves)
    -> __m128i {
  __m128i const scaled = _mm_slli_epi32(_mm_madd_epi16(codes, ratio), 5);
  __m128i const half = _mm_set1_epi32(32768);
  if (moves == nullptr) return _mm_add_epi32(scaled, half);
  return _mm_add_epi32(_mm_add_epi32(scaled, half),
                       _mm_loadu_si128(reinterpret_cast<__m128i const*>(moves)));
}
/// Returns how many were predicted.
template <uint32_t kShift>
auto predict_by_eight(RowPrediction const& row, std::span<int8_t const> old,
                      Predictions<kShift>& out) -> size_t {
  // A ratio may be 2^15, which is more than 16 bits with a sign: its two halves are not.
  __m128i const ratio = _mm_set1_epi32((row.ratio >> 1) | (row.ratio - (row.ratio >> 1)) << 16);
  __m128i const fraction_bits = _mm_set1_epi32(65535);
  size_t j = 0;
  for (; j + 8 <= old.size(); j += 8) {
    int32_t const* const moves = row.moves.empty() ? nullptr : &row.moves[j];
    __m128i const bytes = _mm_loadl_epi64(reinterpret_cast<__m128i const*>(&old[j]));
    __m128i const codes = _mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
    __m128i const low = exact_of(_mm_unpacklo_epi16(codes, codes), ratio, moves);
    __m128i const high =
        exact_of(_mm_unpackhi_epi16(codes, codes), ratio, moves ? moves + 4 : nullptr);
    __m128i const rounded = _mm_packs_epi32(_mm_srai_epi32(low, 16), _mm_srai_epi32(high, 16));
    __m128i const value =
        _mm_max_epi16(_mm_min_epi16(rounded, _mm_set1_epi16(127)), _mm_set1_epi16(-127));
    __m128i const fraction =
        _mm_packs_epi32(_mm_srli_epi32(_mm_and_si128(low, fraction_bits), kShift),
                        _mm_srli_epi32(_mm_and_si128(high, fraction_bits), kShift));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(&out.value[j]), _mm_packs_epi16(value, value));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(&out.fraction[j]),
                     _mm_packus_epi16(fraction, fraction));
  }
  return j;
}
#endif

template <uint32_t kShift>
void predict(RowPrediction const& row, std::span<int8_t const> old, Predictions<kShift>& out) {
  constexpr int32_t kHalf = 32768;
  if (!row.from_old || (row.ratio == kRatioOne && row.moves.empty())) {
    if (row.from_old)
      std::copy(old.begin(), old.end(), out.value.begin());
    else
      std::fill_n(out.value.begin(), old.size(), int8_t{0});
    std::fill_n(out.fraction.begin(), old.size(), static_cast<uint8_t>(kHalf >> kShift));
    return;
  }
  size_t j = 0;
#ifdef __SSE2__
  j = predict_by_eight(row, old, out);
#endif
  // Below 2^27 and 2^28: no overflow.
  int32_t const ratio = row.ratio * 32;
  for (; j < old.size(); ++j) {
    int32_t const exact = old[j] * ratio + (row.moves.empty() ? 0 : row.moves[j]) + kHalf;
    out.value[j] = static_cast<int8_t>(std::clamp(exact >> 16, -127, 127));
    out.fraction[j] = static_cast<uint8_t>((exact & 65535) >> kShift);
  }
}

/// Mean sizes of the differences of columns are held to 31, in 1/1024.
constexpr int32_t kSizeMax = 31;
constexpr int32_t kSizeOne = 1024;

/// `steps` of means: min(log_step(rate), most).
inline void steps_of(std::span<uint16_t const> rates, uint8_t most, std::span<uint8_t> steps) {
  size_t j = 0;
#ifdef __SSE2__
  // A float's exponent and the highest bit of its mantissa are a step; all rates are exact.
  constexpr int32_t kStepOfOne = 2 * 127;
  auto const step = [](__m128i rate) {
    __m128i const bits = _mm_castps_si128(_mm_cvtepi32_ps(rate));
    return _mm_sub_epi32(_mm_srli_epi32(bits, 22), _mm_set1_epi32(kStepOfOne));
  };
  __m128i const zero = _mm_setzero_si128();
  for (; j + 8 <= rates.size(); j += 8) {
    __m128i const rate = _mm_loadu_si128(reinterpret_cast<__m128i const*>(&rates[j]));
    __m128i const found =
        _mm_packs_epi32(step(_mm_unpacklo_epi16(rate, zero)), step(_mm_unpackhi_epi16(rate, zero)));
    // Of 0 and 1 these are -254 and 0.
    __m128i const held = _mm_min_epi16(_mm_max_epi16(found, _mm_min_epi16(rate, _mm_set1_epi16(1))),
                                       _mm_set1_epi16(most));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(&steps[j]), _mm_packus_epi16(held, held));
  }
#endif
  for (; j < rates.size(); ++j)
    steps[j] = static_cast<uint8_t>(std::min(log_step(rates[j]), uint32_t{most}));
}

/// Moves the means of columns towards the sizes of their differences, which are at most kSizeMax.
inline void learn_sizes(std::span<uint8_t const> sizes, int shift, std::span<uint16_t> rates) {
  size_t j = 0;
#ifdef __SSE2__
  __m128i const by = _mm_cvtsi32_si128(shift);
  for (; j + 8 <= sizes.size(); j += 8) {
    auto* const at = reinterpret_cast<__m128i*>(&rates[j]);
    __m128i const bytes = _mm_loadl_epi64(reinterpret_cast<__m128i const*>(&sizes[j]));
    __m128i const size = _mm_slli_epi16(_mm_unpacklo_epi8(bytes, _mm_setzero_si128()), 10);
    __m128i const rate = _mm_loadu_si128(at);
    _mm_storeu_si128(at, _mm_add_epi16(rate, _mm_sra_epi16(_mm_sub_epi16(size, rate), by)));
  }
#endif
  for (; j < sizes.size(); ++j)
    rates[j] = static_cast<uint16_t>(rates[j] + ((sizes[j] * kSizeOne - rates[j]) >> shift));
}

}  // namespace godwit::proto::weights
