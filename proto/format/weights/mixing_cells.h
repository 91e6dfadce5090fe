// Adaptive probabilities of contexts, as a mixer keeps them: in three bytes each, or in four where
// there is the room, which eight inputs look up and move at once. Both give the same numbers, bit
// by bit.
#pragma once

#include <algorithm>
#include <cstddef>

#include "proto/format/weights/mixing_math.h"

namespace godwit::proto::weights {

/// How fast a probability moves after n observations: 32768 / (n + 1.6).
constexpr int kCountMax = 255;
constexpr auto make_rates() -> std::array<int16_t, kCountMax + 1> {
  std::array<int16_t, kCountMax + 1> rates{};
  for (int n = 0; n <= kCountMax; ++n)
    rates[static_cast<size_t>(n)] = static_cast<int16_t>(327680 / (10 * n + 16));
  return rates;
}
inline constexpr auto kRates = make_rates();

/// How much an adaptive probability of n observations is believed, in 1/256.
constexpr auto make_confidence() -> std::array<int16_t, kCountMax + 1> {
  std::array<int16_t, kCountMax + 1> confidence{};
  for (int n = 0; n <= kCountMax; ++n)
    confidence[static_cast<size_t>(n)] = static_cast<int16_t>(256 * 2 * n / (2 * n + 3));
  return confidence;
}
inline constexpr auto kConfidence = make_confidence();

/// What an observation does to a probability of n observations before it.
struct CellStep {
  uint16_t twice_rate;  // 1/65536 of what is missing
  uint8_t next;
  uint8_t confidence;
};
constexpr uint8_t kMixedCountMax = 250;
constexpr auto make_cell_steps() -> std::array<CellStep, kCountMax + 1> {
  std::array<CellStep, kCountMax + 1> steps{};
  for (size_t n = 0; n <= kCountMax; ++n)
    steps[n] = {.twice_rate = static_cast<uint16_t>(2 * kRates[n]),
                .next = static_cast<uint8_t>(n < kMixedCountMax ? n + 1 : n),
                .confidence = static_cast<uint8_t>(kConfidence[n])};
  return steps;
}
inline constexpr auto kCellSteps = make_cell_steps();

template <size_t kInputs>
using CellPlaces = std::array<uint32_t, kInputs>;

template <size_t kCells>
class PackedCells {
 public:
  void reset(size_t first, size_t count) {
    std::fill_n(&probability_[first], count, uint16_t{32768});
    std::fill_n(&count_[first], count, uint8_t{0});
  }

  /// What is seen of a decision's cells: `offset` behind each of `at`.
  template <size_t kInputs>
  struct Seen {
    Logits<kInputs> logits;
  };
  template <size_t kInputs>
  [[gnu::always_inline]] auto look(CellPlaces<kInputs> const& at, size_t offset) const
      -> Seen<kInputs> {
    uint16_t const* const probability = &probability_[offset];
    uint8_t const* const count = &count_[offset];
    return {gather<kInputs>(
        [&](size_t i) __attribute__((always_inline)) { return stretch(probability[at[i]]); },
        [&](size_t i) __attribute__((always_inline)) { return kConfidence[count[at[i]]]; })};
  }
  template <size_t kInputs>
  [[gnu::always_inline]] static auto chosen(bool y, Seen<kInputs> const& zero,
                                            Seen<kInputs> const& one) -> Seen<kInputs> {
    return y ? one : zero;
  }
  /// They move towards y.
  template <size_t kInputs>
  [[gnu::always_inline]] void learn(CellPlaces<kInputs> const& at, size_t offset,
                                    Seen<kInputs> const& /*unused*/, bool y) {
    uint16_t* const probability = &probability_[offset];
    uint8_t* const count = &count_[offset];
    int32_t const target = y ? 65535 : 0;
    for (uint32_t const k : at) {
      CellStep const& step = kCellSteps[count[k]];
      int32_t const p = probability[k];
      probability[k] = static_cast<uint16_t>(p + ((target - p) * (step.twice_rate / 2) >> 15));
      count[k] = step.next;
    }
  }

 private:
  std::array<uint16_t, kCells> probability_;
  std::array<uint8_t, kCells> count_;
};

#ifdef __SSE2__
template <size_t kCells>
class WideCells {
 public:
  void reset(size_t first, size_t count) { std::fill_n(&cells_[first], count, kFresh); }

  template <size_t kInputs>
  struct Seen {
    Logits<kInputs> logits;
    __m128i probability;
    __m128i twice_rate;
    __m128i next;
  };
  [[gnu::always_inline]] auto look(CellPlaces<8> const& at, size_t offset) const -> Seen<8> {
    uint32_t const* const cells = &cells_[offset];
    auto const cell = [&](size_t i) __attribute__((always_inline)) {
      return cells[at[i]];
    };
    auto const step = [](uint32_t c) __attribute__((always_inline)) {
      return std::bit_cast<uint32_t>(kCellSteps[c >> 16]);
    };
    uint32_t const c0 = cell(0), c1 = cell(1), c2 = cell(2), c3 = cell(3);
    uint32_t const c4 = cell(4), c5 = cell(5), c6 = cell(6), c7 = cell(7);
    __m128i const steps0 = four(step(c0), step(c1), step(c2), step(c3));
    __m128i const steps4 = four(step(c4), step(c5), step(c6), step(c7));
    auto const logit = [](uint32_t c) __attribute__((always_inline)) {
      return stretch(c & 65535);
    };
    __m128i const logits = _mm_setr_epi16(logit(c0), logit(c1), logit(c2), logit(c3), logit(c4),
                                          logit(c5), logit(c6), logit(c7));
    __m128i const rest = upper(steps0, steps4);
    return {.logits = {believed(logits, _mm_srli_epi16(rest, 8))},
            .probability = lower(four(c0, c1, c2, c3), four(c4, c5, c6, c7)),
            .twice_rate = lower(steps0, steps4),
            .next = _mm_and_si128(rest, _mm_set1_epi16(255))};
  }
  [[gnu::always_inline]] static auto chosen(bool y, Seen<8> const& zero, Seen<8> const& one)
      -> Seen<8> {
    __m128i const mask = _mm_set1_epi16(static_cast<int16_t>(y ? -1 : 0));
    auto const of = [mask](__m128i a, __m128i b) {
      return _mm_or_si128(_mm_andnot_si128(mask, a), _mm_and_si128(mask, b));
    };
    return {.logits = {of(zero.logits.each, one.logits.each)},
            .probability = of(zero.probability, one.probability),
            .twice_rate = of(zero.twice_rate, one.twice_rate),
            .next = of(zero.next, one.next)};
  }
  /// Towards a one what is missing to it falls, towards a zero the probability; rounded as in
  /// PackedCells, where a step down is rounded up.
  [[gnu::always_inline]] void learn(CellPlaces<8> const& at, size_t offset, Seen<8> const& seen,
                                    bool y) {
    __m128i const one = _mm_set1_epi16(static_cast<int16_t>(y ? -1 : 0));
    __m128i const away = _mm_xor_si128(seen.probability, one);
    __m128i const whole = _mm_mulhi_epu16(away, seen.twice_rate);
    __m128i const exact =
        _mm_cmpeq_epi16(_mm_mullo_epi16(away, seen.twice_rate), _mm_setzero_si128());
    __m128i const up = _mm_andnot_si128(one, _mm_add_epi16(exact, _mm_set1_epi16(1)));
    __m128i const moved = _mm_xor_si128(_mm_sub_epi16(away, _mm_add_epi16(whole, up)), one);
    store(&cells_[offset], at[0], at[1], at[2], at[3], _mm_unpacklo_epi16(moved, seen.next));
    store(&cells_[offset], at[4], at[5], at[6], at[7], _mm_unpackhi_epi16(moved, seen.next));
  }

 private:
  static constexpr uint32_t kFresh = 32768;  // a probability, with how often it was seen above it

  [[gnu::always_inline]] static auto four(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
      -> __m128i {
    return _mm_setr_epi32(static_cast<int32_t>(a), static_cast<int32_t>(b), static_cast<int32_t>(c),
                          static_cast<int32_t>(d));
  }
  [[gnu::always_inline]] static auto lower(__m128i a, __m128i b) -> __m128i {
    return upper(_mm_slli_epi32(a, 16), _mm_slli_epi32(b, 16));
  }
  [[gnu::always_inline]] static auto upper(__m128i a, __m128i b) -> __m128i {
    return _mm_packs_epi32(_mm_srai_epi32(a, 16), _mm_srai_epi32(b, 16));
  }
  [[gnu::always_inline]] static void store(uint32_t* cells, uint32_t a, uint32_t b, uint32_t c,
                                           uint32_t d, __m128i four) {
    cells[a] = static_cast<uint32_t>(_mm_cvtsi128_si32(four));
    cells[b] = static_cast<uint32_t>(_mm_cvtsi128_si32(_mm_shuffle_epi32(four, 1)));
    cells[c] = static_cast<uint32_t>(_mm_cvtsi128_si32(_mm_shuffle_epi32(four, 2)));
    cells[d] = static_cast<uint32_t>(_mm_cvtsi128_si32(_mm_shuffle_epi32(four, 3)));
  }

  std::array<uint32_t, kCells> cells_;
};
#else
template <size_t kCells>
using WideCells = PackedCells<kCells>;
#endif

}  // namespace godwit::proto::weights
