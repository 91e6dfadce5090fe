// Predicts one binary decision from several contexts: each keeps an adaptive probability, and two
// logistic mixers weigh them. Integers only. Encoder and decoder run the same code over a `Coder`,
// whose `bit(y, p)` codes y with probability p/65536 of a one, or ignores y and decodes it.
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

inline void adapt(uint16_t& p, uint8_t& n, bool y, int count_max) {
  int32_t const target = y ? 65535 : 0;
  p = static_cast<uint16_t>(p + ((target - p) * kRates[n] >> 15));
  if (n < count_max) ++n;
}

/// One adaptive probability by itself, for decisions that need no contexts.
struct AdaptiveBit {
  uint16_t p = 32768;
  uint8_t n = 0;

  template <typename Coder>
  auto code(Coder& coder, bool y) -> bool {
    y = coder.bit(y, std::clamp<uint32_t>(p, 64, 65472));
    adapt(p, n, y, 60);
    return y;
  }
};

/// What an observation does to a probability of n observations before it.
struct CellStep {
  int16_t rate;
  int16_t confidence;
  uint8_t next;
};
constexpr int kMixedCountMax = 250;
constexpr auto make_cell_steps() -> std::array<CellStep, kCountMax + 1> {
  std::array<CellStep, kCountMax + 1> steps{};
  for (size_t n = 0; n <= kCountMax; ++n)
    steps[n] = {.rate = kRates[n],
                .confidence = kConfidence[n],
                .next = static_cast<uint8_t>(n < kMixedCountMax ? n + 1 : n)};
  return steps;
}
inline constexpr auto kCellSteps = make_cell_steps();

/// The state of `kSlots` contexts of `kNodes` decisions each, and the weights of the mixers: plain
/// memory that needs no more than `reset`.
template <size_t kInputs, size_t kNodes, size_t kSlots, size_t kSets>
class Mixing {
 public:
  static constexpr size_t kInputCount = kInputs;

  void reset(int16_t weight) {
    probability_.fill(32768);
    count_.fill(0);
    weights_.fill(weight);
  }
  /// Begins some contexts of an input anew.
  void forget(size_t first, size_t slots) {
    std::fill_n(probability_.begin() + static_cast<ptrdiff_t>(first * kNodes), slots * kNodes,
                uint16_t{32768});
    std::fill_n(count_.begin() + static_cast<ptrdiff_t>(first * kNodes), slots * kNodes,
                uint8_t{0});
  }
  /// Chooses the context of one input for the decisions that follow.
  void select(size_t input, size_t slot) { at_[input] = static_cast<uint32_t>(slot * kNodes); }

  /// Each mixer has `kSets` sets of weights for each decision; `first` and `second` choose.
  template <typename Coder>
  [[gnu::always_inline]] auto code(Coder& coder, bool y, size_t node, size_t first, size_t second)
      -> bool {
    return code_at(coder, y, node, node * kSets + first, node * kSets + second);
  }
  /// The decision `offset` of what was selected, by sets of weights that do not go by decision.
  template <typename Coder>
  [[gnu::always_inline]] auto code_at(Coder& coder, bool y, size_t offset, size_t first,
                                      size_t second) -> bool {
    int16_t* const a = &weights_[first * kInputs];
    int16_t* const b = &weights_[(kNodes * kSets + second) * kInputs];
    uint16_t* const probability = &probability_[offset];
    uint8_t* const count = &count_[offset];
    auto const logit = gather<kInputs>([&](size_t i) __attribute__((always_inline)) {
      uint32_t const k = at_[i];
      return static_cast<int16_t>(stretch(probability[k]) * kCellSteps[count[k]].confidence >> 8);
    });
    auto const [logit_a, logit_b] = dots<kInputs>(logit, a, b);
    y = coder.bit(y, kLogistic.coded[static_cast<uint32_t>((logit_a + logit_b) >> 1) + kLogitMax]);
    learn<kInputs>(a, logit, error_of(y, squash_inside(logit_a)));
    learn<kInputs>(b, logit, error_of(y, squash_inside(logit_b)));
    int32_t const target = y ? 65535 : 0;
    for (size_t i = 0; i < kInputs; ++i) {
      uint32_t const k = at_[i];
      CellStep const& step = kCellSteps[count[k]];
      int32_t const p = probability[k];
      probability[k] = static_cast<uint16_t>(p + ((target - p) * step.rate >> 15));
      count[k] = step.next;
    }
    return y;
  }

 private:
  std::array<uint32_t, kInputs> at_{};
  std::array<uint16_t, kSlots * kNodes> probability_;
  std::array<uint8_t, kSlots * kNodes> count_;
  std::array<int16_t, 2 * kNodes * kSets * kInputs> weights_;
};

}  // namespace godwit::proto::weights
