// Numbers of 16 and 32 bits by finer tables (docs/format-delta.md, "Finer tables"): how long the
// difference is beside what its column and its row lead to expect, then sign and highest bits.
#pragma once

#include "proto/format/weights/number_rates.h"
#include "proto/format/weights/tabled_decoder.h"

namespace godwit::proto::weights {

class FineNumbers {
 public:
  /// So small that a loop should have a copy, which stays in registers.
  static constexpr bool kInRegisters = true;

  void begin_segment() { *this = FineNumbers(); }
  void begin_row() {
    in_row_ = 0;
    ++rows_;
  }

  /// The number, as its difference to `predicted`.
  template <typename Coder>
  [[gnu::always_inline]] auto code(Coder& coder, FloatForm const& form,
                                   NumberPrediction const& predicted, uint32_t number,
                                   std::span<NumberColumn> columns) -> uint32_t {
    int32_t const level = NumberRates::level_of(form, predicted.bits);
    int32_t const column = column_mean(columns);
    int32_t const expected =
        std::clamp(column + row_ - level * kOne, kLeast, static_cast<int32_t>(form.bits) * kOne);
    OrderedPair const pair = order(form, predicted.bits, number);
    Difference made = difference(pair);
    bool const below_zero = (predicted.bits >> (form.bits - 1)) & 1;
    auto state = coder.state();
    auto const length = static_cast<uint32_t>(
        code_length(coder, state, place_of(expected, predicted.fraction), expected,
                    static_cast<int32_t>(std::bit_width(made.size)), form.bits));
    if (length == 0) {
      made = {};
    } else {
      // Towards zero or away from it, where that may tell something.
      bool const turned = below_zero && length > kShort;
      uint32_t const context =
          length <= kShort ? (length - 1) * 8 + predicted.fraction : beside(length, expected);
      Bits const known{.sign = made.negative != turned, .below = made.size};
      Bits const bits = code_bits(coder, state, context, length - 1, known);
      made = {.negative = bits.sign != turned, .size = 1u << (length - 1) | bits.below};
    }
    coder.keep(state);
    learn(static_cast<int32_t>(length) + level, column, columns);
    return differing(form, pair.from, made);
  }

  /// The number by itself, by its magnitude.
  template <typename Coder>
  [[gnu::always_inline]] auto code_by_magnitude(Coder& coder, FloatForm const& form,
                                                uint32_t number, std::span<NumberColumn> columns)
      -> uint32_t {
    int32_t const column = column_mean(columns);
    int32_t const expected =
        std::clamp(column + row_, 0, static_cast<int32_t>(form.magnitude_max()) * kOne);
    // What weights have: 2^-40 and above.
    int32_t const first =
        std::max(static_cast<int32_t>(form.bias() + form.mantissa_bits) - 40, 0) * 2;
    auto const step = static_cast<uint32_t>(std::clamp((expected >> 4) - first, 0, kSteps - 1));
    auto state = coder.state();
    auto const magnitude = static_cast<uint32_t>(
        code_length(coder, state, kFineLengths + leaning_ * kSteps + step, expected,
                    static_cast<int32_t>(form.magnitude(number)), form.magnitude_max()));
    uint32_t const count = form.bits_below(magnitude);
    uint32_t const context = magnitude < kShort ? magnitude * 8 : beside(magnitude, expected);
    Bits const known{.sign = (number & form.sign_bit()) != 0, .below = number};
    Bits const bits = code_bits(coder, state, context, count, known);
    coder.keep(state);
    learn(static_cast<int32_t>(magnitude), column, columns);
    return (bits.sign ? form.sign_bit() : 0) | form.of_magnitude(magnitude, bits.below);
  }

  /// Integers alone are differences to 0; floats alone never come without their magnitude.
  template <typename Coder>
  auto code_alone(Coder& coder, FloatForm const& form, uint32_t number,
                  std::span<NumberColumn> columns) -> uint32_t {
    return code(coder, form, {}, number, columns);
  }

 private:
  static constexpr int32_t kOne = NumberRates::kOne;
  static constexpr int32_t kLeast = -64;  // of what is expected
  static constexpr int32_t kClose = 48;   // below that it matters where the prediction lay
  static constexpr int32_t kCloseSteps = (kClose - kLeast) / 16;
  static constexpr uint32_t kCloseContexts = kLeanings * 4 * kCloseSteps;
  static constexpr int32_t kFarSteps = (kFineLengthContexts - kCloseContexts) / kLeanings;
  static constexpr int32_t kSteps = kFineLengthContexts / kLeanings;
  static constexpr uint32_t kShort = 3;
  static constexpr int32_t kMiddle = 8;
  static constexpr uint32_t kBelow = 14;
  static constexpr uint32_t kAbove = 15;
  static constexpr int32_t kRowMax = 28;
  static constexpr int32_t kColumnMax = 30;
  static constexpr int32_t kMeanShift = 9;
  static constexpr uint32_t kFarBits = 9;

  struct Bits {
    bool sign = false;
    uint32_t below = 0;  // and maybe more above them
  };

  auto mean() const -> int32_t { return all_ >> kMeanShift; }
  auto column_mean(std::span<NumberColumn const> columns) const -> int32_t {
    return columns.empty() || rows_ < 2 ? mean() : columns[0].mean;
  }
  static auto moved(int32_t mean, int32_t size, int32_t seen) -> int32_t {
    return mean + ((size - mean) * kMeanRates[static_cast<size_t>(seen)] >> 16);
  }

  /// The context of a length that is expected in 1/32.
  auto place_of(int32_t expected, uint32_t fraction) const -> uint32_t {
    if (expected >= kClose)
      return kFineLengths + kCloseContexts + leaning_ * kFarSteps +
             static_cast<uint32_t>(std::min((expected - kClose) >> 4, kFarSteps - 1));
    uint32_t const aside = fraction < 4 ? 3 - fraction : fraction - 4;
    return kFineLengths + (leaning_ * 4 + aside) * kCloseSteps +
           static_cast<uint32_t>((expected - kLeast) >> 4);
  }
  /// The context of the bits below the highest: how much longer than expected.
  static auto beside(uint32_t length, int32_t expected) -> uint32_t {
    int32_t const more = static_cast<int32_t>(length) * kOne - expected;
    return kShort * 8 + static_cast<uint32_t>(std::clamp((more + 128) >> 3, 0, 63));
  }

  /// Symbols 1 to 13 are how far the length is from the expected one, 0 is 0; longer and shorter
  /// ones take another symbol.
  template <typename Coder>
  [[gnu::always_inline]] static auto code_length(Coder& coder, typename Coder::State& state,
                                                 uint32_t context, int32_t expected, int32_t length,
                                                 uint32_t most) -> int32_t {
    int32_t const whole = std::max((expected + kOne / 2) >> 5, 1);
    int32_t const away = length - whole + kMiddle;
    uint32_t const known = length == 0              ? 0
                           : away < 1               ? kBelow
                           : away < int32_t{kBelow} ? static_cast<uint32_t>(away)
                                                    : kAbove;
    uint32_t const symbol = coder.symbol(state, context, known);
    if (symbol == 0) return 0;
    if (symbol < kBelow)
      return std::clamp(static_cast<int32_t>(symbol) + whole - kMiddle, 1,
                        static_cast<int32_t>(most));
    return code_far(coder, state, symbol, whole, length, most);
  }
  template <typename Coder>
  [[gnu::noinline]] static auto code_far(Coder& coder, typename Coder::State& state,
                                         uint32_t symbol, int32_t whole, int32_t length,
                                         uint32_t most) -> int32_t {
    constexpr int32_t kLast = kSymbols - 1;
    bool const above = symbol == kAbove;
    int32_t const from = above ? whole + static_cast<int32_t>(kBelow) - kMiddle : 0;
    auto const near = static_cast<uint32_t>(std::min(whole >> (above ? 1 : 2), 7));
    uint32_t const known = static_cast<uint32_t>(std::clamp(length - from, 0, kLast));
    auto made = static_cast<int32_t>(coder.symbol(state, kFineFar + (above ? 8 : 0) + near, known));
    made = made < kLast
               ? from + made
               : static_cast<int32_t>(coder.raw(state, kFarBits, static_cast<uint32_t>(length)));
    return std::clamp(made, 0, static_cast<int32_t>(most));
  }

  /// The sign and the three highest of `count` bits as one symbol, then the others.
  template <typename Coder>
  [[gnu::always_inline]] static auto code_bits(Coder& coder, typename Coder::State& state,
                                               uint32_t context, uint32_t count, Bits const& known)
      -> Bits {
    uint32_t const top = std::min(count, 3u);
    uint32_t const rest = count - top;
    uint32_t const high = (known.below >> rest) & ((1u << top) - 1);
    uint32_t const symbol =
        coder.symbol(state, kFineBits + context, (known.sign ? 8u : 0u) | high << (3 - top));
    uint32_t made = (symbol & 7) >> (3 - top);
    if (rest > 0) {
      uint64_t const low = known.below & ((1u << rest) - 1);
      made = made << rest | static_cast<uint32_t>(code_raw(coder, state, rest, low));
    }
    return {.sign = symbol >= 8, .below = made};
  }

  [[gnu::always_inline]] void learn(int32_t magnitude, int32_t column,
                                    std::span<NumberColumn> columns) {
    int32_t const size = magnitude * kOne;
    if (!started_) {
      all_ = size << kMeanShift;
      started_ = true;
    }
    all_ += size - mean();
    if (!columns.empty())
      columns[0].mean = static_cast<uint16_t>(
          rows_ < 2 ? size : moved(columns[0].mean, size, std::min(rows_ - 1, kColumnMax)));
    row_ = moved(row_, size - column, std::min(++in_row_, kRowMax));
    leaning_ = row_ > 96 ? 0 : row_ > 24 ? 1 : row_ > -24 ? 2 : row_ > -96 ? 3 : 4;
  }

  int32_t all_ = 0;  // the mean of all magnitudes in 1/32, finer
  int32_t row_ = 0;  // by how much those of the row differ from their columns'
  uint32_t leaning_ = 2;
  int32_t rows_ = 0;
  int32_t in_row_ = 0;
  bool started_ = false;
};

}  // namespace godwit::proto::weights
