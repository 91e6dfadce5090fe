// Predicts one binary decision from several contexts: each keeps an adaptive probability, and two
// logistic mixers weigh them. Integers only. Encoder and decoder run the same code over a `Coder`,
// whose `bit(y, p)` codes y with probability p/65536 of a one, or ignores y and decodes it.
#pragma once

#include <algorithm>
#include <cstddef>

#include "proto/format/weights/logistic.h"

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
  /// Chooses the context of one input for the decisions that follow.
  void select(size_t input, size_t slot) { at_[input] = slot * kNodes; }

  /// Each mixer has `kSets` sets of weights for each decision; `first` and `second` choose.
  template <typename Coder>
  auto code(Coder& coder, bool y, size_t node, size_t first, size_t second) -> bool {
    std::array<int16_t, kInputs> logit;
    int16_t* const a = &weights_[(node * kSets + first) * kInputs];
    int16_t* const b = &weights_[((kNodes + node) * kSets + second) * kInputs];
    for (size_t i = 0; i < kInputs; ++i) {
      size_t const k = at_[i] + node;
      logit[i] = static_cast<int16_t>(stretch(probability_[k]) * kConfidence[count_[k]] >> 8);
    }
    // Below 2^11 times 2^15 times kInputs: no overflow.
    int32_t dot_a = 0;
    int32_t dot_b = 0;
    for (size_t i = 0; i < kInputs; ++i) dot_a += int32_t{logit[i]} * a[i];
    for (size_t i = 0; i < kInputs; ++i) dot_b += int32_t{logit[i]} * b[i];
    int32_t const logit_a = std::clamp(dot_a >> 14, -kLogitMax, kLogitMax);
    int32_t const logit_b = std::clamp(dot_b >> 14, -kLogitMax, kLogitMax);
    uint32_t const p = squash((logit_a + logit_b) >> 1);
    y = coder.bit(y, std::clamp<uint32_t>(p, 16, 65520));
    learn(a, logit, y, squash(logit_a));
    learn(b, logit, y, squash(logit_b));
    for (size_t i = 0; i < kInputs; ++i)
      adapt(probability_[at_[i] + node], count_[at_[i] + node], y, kCountLimit);
    return y;
  }

 private:
  static constexpr int kCountLimit = 250;
  static void learn(int16_t* weights, std::array<int16_t, kInputs> const& logit, bool y,
                    uint32_t p) {
    int32_t const error = ((y ? 65536 : 0) - static_cast<int32_t>(p)) * 6 >> 4;
    for (size_t i = 0; i < kInputs; ++i) {
      int32_t const moved = weights[i] + ((logit[i] * error + 0x8000) >> 16);
      weights[i] = static_cast<int16_t>(std::clamp(moved, -32767, 32767));
    }
  }

  std::array<size_t, kInputs> at_{};
  std::array<uint16_t, kSlots * kNodes> probability_;
  std::array<uint8_t, kSlots * kNodes> count_;
  std::array<int16_t, 2 * kNodes * kSets * kInputs> weights_;
};

}  // namespace godwit::proto::weights
