// Predicts one binary decision from several contexts: each keeps an adaptive probability, and two
// logistic mixers weigh them. Integers only. Encoder and decoder run the same code over a `Coder`,
// whose `bit(y, p)` codes y with probability p/65536 of a one, or ignores y and decodes it.
#pragma once

#include "proto/format/weights/mixing_cells.h"

namespace godwit::proto::weights {

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
template <size_t kInputs, size_t kNodes, size_t kSlots, size_t kSets,
          template <size_t> typename Cells = PackedCells>
class Mixing {
 public:
  static constexpr size_t kInputCount = kInputs;

  void reset(int16_t weight) {
    cells_.reset(0, kSlots * kNodes);
    weights_.fill(weight);
  }
  /// Begins some contexts of an input anew.
  void forget(size_t first, size_t slots) { cells_.reset(first * kNodes, slots * kNodes); }
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
    return settle(coder, y, offset, first, second, foresee(offset, first, second));
  }
  /// `kBits` decisions, highest first, each in the place of those before; `first` and `second` tell
  /// the sets of weights of each, which differ. What either answer leads to is looked up before it
  /// is known: otherwise most of the time goes by with waiting.
  template <size_t kBits, typename Coder, typename First, typename Second>
  [[gnu::always_inline]] auto code_bits(Coder& coder, uint32_t bits, First const& first,
                                        Second const& second) -> uint32_t {
    uint32_t node = 1;
    Foreseen here = foresee(1, first(0), second(0));
    for (size_t i = 0;; ++i) {
      bool const y = (bits >> (kBits - 1 - i)) & 1;
      if (i + 1 == kBits)
        return (node * 2 + settle(coder, y, node, first(i), second(i), here)) & ((1u << kBits) - 1);
      Foreseen const zero = foresee(node * 2, first(i + 1), second(i + 1));
      Foreseen const one = foresee(node * 2 + 1, first(i + 1), second(i + 1));
      bool const made = settle(coder, y, node, first(i), second(i), here);
      here = chosen(made, zero, one);
      node = node * 2 + made;
    }
  }

 private:
  /// A decision before it is made.
  struct Foreseen {
    typename Cells<kSlots * kNodes>::template Seen<kInputs> seen;
    TwoLogits mixed;
    uint32_t p;
  };
  [[gnu::always_inline]] static auto chosen(bool y, Foreseen const& zero, Foreseen const& one)
      -> Foreseen {
    auto const mask = static_cast<int32_t>(y) * -1;
    auto const of = [mask](auto a, auto b) {
      return static_cast<decltype(a)>((a & ~mask) | (b & mask));
    };
    return {.seen = Cells<kSlots * kNodes>::chosen(y, zero.seen, one.seen),
            .mixed = {.a = of(zero.mixed.a, one.mixed.a), .b = of(zero.mixed.b, one.mixed.b)},
            .p = of(zero.p, one.p)};
  }
  auto weights_a(size_t set) -> int16_t* { return &weights_[set * kInputs]; }
  auto weights_b(size_t set) -> int16_t* { return &weights_[(kNodes * kSets + set) * kInputs]; }

  [[gnu::always_inline]] auto foresee(size_t offset, size_t first, size_t second) -> Foreseen {
    Foreseen made{.seen = cells_.look(at_, offset), .mixed = {}, .p = 0};
    made.mixed = dots<kInputs>(made.seen.logits, weights_a(first), weights_b(second));
    made.p = kLogistic.coded[static_cast<uint32_t>((made.mixed.a + made.mixed.b) >> 1) + kLogitMax];
    return made;
  }
  template <typename Coder>
  [[gnu::always_inline]] auto settle(Coder& coder, bool y, size_t offset, size_t first,
                                     size_t second, Foreseen const& foreseen) -> bool {
    y = coder.bit(y, foreseen.p);
    learn<kInputs>(weights_a(first), foreseen.seen.logits,
                   error_of(y, squash_inside(foreseen.mixed.a)));
    learn<kInputs>(weights_b(second), foreseen.seen.logits,
                   error_of(y, squash_inside(foreseen.mixed.b)));
    cells_.learn(at_, offset, foreseen.seen, y);
    return y;
  }

  CellPlaces<kInputs> at_{};
  Cells<kSlots * kNodes> cells_;
  std::array<int16_t, 2 * kNodes * kSets * kInputs> weights_;
};

}  // namespace godwit::proto::weights
