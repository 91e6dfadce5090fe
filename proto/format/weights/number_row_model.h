// Codes 16- and 32-bit numbers: the difference of their order-keeping integers to those of the
// prediction, by its length in bits, its sign and its highest bits; lower ones are raw. Without a
// prediction: exponent, sign and mantissa (docs/format-delta.md, "Numbers").
#pragma once

#include <span>

#include "proto/format/weights/mixing.h"
#include "proto/format/weights/number_rates.h"

namespace godwit::proto::weights {

template <bool kLarge>
class NumberRowModel {
 public:
  void reset() {
    lengths_.reset(kWeight);
    mantissas_.reset(kMantissaWeight);
  }
  void begin_segment() { rates_.begin_segment(); }
  void begin_row() { rates_.begin_row(); }

  /// The number, coded as its difference to `predicted`.
  template <typename Coder>
  auto code(Coder& coder, FloatForm const& form, NumberPrediction const& predicted, uint32_t number,
            std::span<NumberColumn> columns) -> uint32_t {
    OrderedPair const pair = order(form, predicted.bits, number);
    Place const place = place_of(form, predicted, columns);
    select_length(place, columns);
    Difference const known = difference(pair);
    Difference made;
    int32_t const length = code_length(coder, static_cast<int32_t>(std::bit_width(known.size)),
                                       place.expected, static_cast<int32_t>(form.bits));
    if (length > 0) {
      made.negative = lengths_.code(coder, known.negative, kSign, set_, 0);
      select_mantissa(place, length, made.negative);
      auto const below = static_cast<uint32_t>(length - 1);
      uint32_t const high = 1u << below;
      made.size = high | code_bits(coder, known.size & (high - 1), below);
    }
    rates_.learn(made, place.level, columns);
    return differing(form, pair.from, made);
  }

  /// The number by itself.
  template <typename Coder>
  auto code_alone(Coder& coder, FloatForm const& form, uint32_t number,
                  std::span<NumberColumn> columns) -> uint32_t {
    if (form.mantissa_bits == 0) return code(coder, form, {}, number, columns);
    int32_t const expected = rates_.expected_exponent();
    select_exponent(expected, columns);
    int32_t const made = code_length(coder, static_cast<int32_t>(form.exponent(number)), expected,
                                     static_cast<int32_t>(form.exponent_max()));
    bool const negative = coder.bit((number & form.sign_bit()) != 0, kHalf);
    select_mantissa_alone(made, expected, columns);
    uint32_t const mantissa =
        code_bits(coder, number & ((1u << form.mantissa_bits) - 1), form.mantissa_bits);
    rates_.learn_alone(made, columns);
    return (negative ? form.sign_bit() : 0) | static_cast<uint32_t>(made) << form.mantissa_bits |
           mantissa;
  }

  /// The number by itself, by its magnitude: zeros and tiny numbers are as short as they should be.
  template <typename Coder>
  auto code_by_magnitude(Coder& coder, FloatForm const& form, uint32_t number,
                         std::span<NumberColumn> columns) -> uint32_t {
    int32_t const expected = rates_.expected_exponent();
    select_exponent(expected, columns);
    auto const made =
        static_cast<uint32_t>(code_length(coder, static_cast<int32_t>(form.magnitude(number)),
                                          expected, static_cast<int32_t>(form.magnitude_max())));
    bool const known = (number & form.sign_bit()) != 0;
    bool const negative =
        made == 0 ? lengths_.code(coder, known, kSign, set_, 0) : coder.bit(known, kHalf);
    select_mantissa_alone(static_cast<int32_t>(made), expected, columns);
    uint32_t const count = form.bits_below(made);
    uint32_t const below = code_bits(coder, number & ((1u << count) - 1), count);
    rates_.learn_alone(static_cast<int32_t>(made), columns);
    return (negative ? form.sign_bit() : 0) | form.of_magnitude(made, below);
  }

 private:
  static constexpr uint32_t kHalf = 32768;
  static constexpr size_t kNodes = 27;
  static constexpr size_t kDown = 14;
  static constexpr size_t kSign = 26;
  static constexpr int32_t kSteps = 11;
  static constexpr size_t kInputs = kLarge ? 8 : 5;
  static constexpr size_t kSets = kLarge ? 4 : 1;
  static constexpr size_t kSlots =
      kLarge ? 300 + 275 + 275 + 847 + 810 + 800 + 256 + 320 : 25 + 24 + 12 + 24 + 20;
  static constexpr size_t kMantissaNodes = 8;
  static constexpr size_t kMantissaSlots = kLarge ? 200 + 156 + 128 + 25 : 25 + 13 + 16 + 8;
  static constexpr int16_t kWeight = 16384 * 3 / 10;
  static constexpr int16_t kMantissaWeight = 16384 * 4 / 10;

  /// What is known of a number before it is coded.
  struct Place {
    int32_t level = 0;     // of the predicted number
    int32_t expected = 1;  // length
    int32_t row = 0;       // magnitudes in 1/32, as if the level were 0
    int32_t column = 0;
    int32_t both = 0;
    int32_t slow = 0;
    uint32_t scale = 0;     // the level again, of those that weights have
    uint32_t above = 0;     // how far the top of the number lies above the difference
    uint32_t high = 0;      // its highest bits of mantissa
    uint32_t negative = 0;  // its sign
    uint32_t fraction = 0;
  };

  static auto at_most(int32_t v, int32_t high) -> uint32_t {
    return static_cast<uint32_t>(std::clamp(v, 0, high));
  }
  static auto sign3(uint32_t cls) -> uint32_t { return cls == 0 ? 0 : 1 + (cls & 1); }
  /// Where v lies around a whole number, in steps of 1/32 * 2^shift; `count` is odd.
  static auto around(int32_t v, int32_t whole, int32_t shift, int32_t count) -> uint32_t {
    int32_t const away = v - whole * NumberRates::kOne;
    return at_most(((away + (1 << shift >> 1)) >> shift) + count / 2, count - 1);
  }

  auto place_of(FloatForm const& form, NumberPrediction const& predicted,
                std::span<NumberColumn const> columns) const -> Place {
    Place place{.level = NumberRates::level_of(form, predicted.bits)};
    int32_t const level = place.level * NumberRates::kOne;
    place.expected = rates_.expected(form, place.level, columns);
    place.row = rates_.row_mean() - level;
    place.column = rates_.column_mean(columns) - level;
    place.both = rates_.both(columns) - level;
    place.slow = rates_.slow_mean() - level;
    place.scale = at_most(place.level - (form.exponent_max() == 31 ? 0 : 96), 39);
    auto const mantissa_bits = static_cast<int32_t>(form.mantissa_bits);
    place.above = at_most(mantissa_bits - place.expected + 2, 15);
    place.high = mantissa_bits >= 3 ? (predicted.bits >> (mantissa_bits - 3)) & 7 : 0;
    place.negative = (predicted.bits >> (form.bits - 1)) & 1;
    place.fraction = predicted.fraction;
    return place;
  }

  class Selector {
   public:
    explicit Selector(NumberRowModel& model) : model_(model) {}
    void operator()(uint32_t context, uint32_t size) {
      model_.lengths_.select(input_++, base_ + std::min(context, size - 1));
      base_ += size;
    }
    void mantissa(uint32_t context, uint32_t size) {
      model_.mantissas_.select(input_++, base_ + std::min(context, size - 1));
      base_ += size;
    }

   private:
    NumberRowModel& model_;
    size_t input_ = 0;
    size_t base_ = 0;
  };

  void select_length(Place const& place, std::span<NumberColumn const> columns) {
    int32_t const expected = place.expected;
    auto const& left = rates_.left();
    auto const& before = rates_.before();
    uint32_t const above = columns.empty() ? 0 : columns[0].above;
    // How long differences nearby were, beside what is expected here; 0: there was none.
    auto const near = [&](NumberRates::Neighbour const& n, int32_t middle, int32_t most) {
      int32_t const length = n.magnitude - place.level;
      return n.cls == 0 ? 0u : 1 + at_most(length - expected + middle - 1, most - 1);
    };
    uint32_t const to_left = near(left, 5, 10);
    uint32_t const to_above =
        above == 0 ? 0 : 1 + at_most(static_cast<int32_t>(above >> 1) - expected + 4, 9);
    uint32_t const signs = (sign3(left.cls) * 3 + sign3(above)) * 3 + sign3(rates_.above_left());
    uint32_t const both = around(place.both, expected, 3, 25);
    Selector select(*this);
    if constexpr (kLarge) {
      int32_t const lean = rates_.lean();
      uint32_t const row_lean = lean < -40   ? 0
                                : lean < -12 ? 1
                                : lean <= 12 ? 2
                                : lean <= 40 ? 3
                                             : 4;
      int32_t const side = columns.empty() ? 0 : columns[0].lean;
      uint32_t const column_lean = side < -24 ? 0 : side > 24 ? 2 : 1;
      select(both * 12 + at_most(expected, 11), 300);
      select(around(place.row, expected, 3, 25) * 11 + to_left, 275);
      select(around(place.column, expected, 3, 25) * 11 + to_above, 275);
      select((to_left * 11 + to_above) * 7 + near(before, 3, 6), 847);
      select(((signs * 5 + row_lean) * 3 + column_lean) * 2 + place.negative, 810);
      select(place.scale * 20 + at_most(expected, 19), 800);
      select((place.above * 8 + place.high) * 2 + place.negative, 256);
      select((place.fraction * 8 + at_most(expected, 7)) * 5 + around(place.slow, expected, 4, 5),
             320);
      set_ = at_most(expected / 3, 3);
    } else {
      select(both, 25);
      select(to_left, 12);
      select(to_above, 12);
      select(place.fraction * 3 + sign3(left.cls), 24);
      select(at_most(expected, 19), 20);
    }
  }

  void select_exponent(int32_t expected, std::span<NumberColumn const> columns) {
    auto const near = [&](uint32_t exponent) {
      return exponent == 0 ? 0 : 1 + at_most(static_cast<int32_t>(exponent) - expected + 7, 13);
    };
    uint32_t const left = near(rates_.left().cls);
    uint32_t const before = near(rates_.before().cls);
    uint32_t const above = columns.empty() ? 0 : near(columns[0].above);
    uint32_t const row = around(rates_.row_mean(), expected, 3, 25);
    uint32_t const column = around(rates_.column_mean(columns), expected, 3, 25);
    uint32_t const both = around(rates_.both(columns), expected, 3, 25);
    Selector select(*this);
    if constexpr (kLarge) {
      select(around(rates_.both(columns), expected, 2, 49), 300);
      select(row * 11 + std::min(left, 10u), 275);
      select(column * 11 + std::min(above, 10u), 275);
      select(left * 15 + before, 847);
      select(both * 25 + row, 810);
      select(above * 15 + left, 800);
      select(near(rates_.above_left()) * 15 + above, 256);
      select(around(rates_.slow_mean(), expected, 2, 33), 320);
      set_ = 0;
    } else {
      select(both, 25);
      select(left, 24);
      select(std::min(above, 11u), 12);
      select(before, 24);
      select(around(rates_.slow_mean(), expected, 2, 19), 20);
    }
  }

  void select_mantissa(Place const& place, int32_t length, bool negative) {
    Selector select(*this);
    uint32_t const both = around(place.both, length, 3, 25);
    uint32_t const from_expected = at_most(length - place.expected + 6, 12);
    uint32_t const below_top =
        at_most(static_cast<int32_t>(place.above) - length + place.expected - 1, 3);
    uint32_t const signs = place.negative * 2 + negative;
    if constexpr (kLarge) {
      select.mantissa(both * 8 + at_most(length, 7), 200);
      select.mantissa(from_expected * 12 + at_most(place.expected, 11), 156);
      select.mantissa((below_top * 8 + place.high) * 4 + signs, 128);
      select.mantissa(around(place.row, length, 3, 25), 25);
    } else {
      select.mantissa(both, 25);
      select.mantissa(from_expected, 13);
      select.mantissa(below_top * 4 + signs, 16);
      select.mantissa(at_most(length, 7), 8);
    }
  }

  void select_mantissa_alone(int32_t exponent, int32_t expected,
                             std::span<NumberColumn const> columns) {
    Selector select(*this);
    uint32_t const both = around(rates_.both(columns), exponent, 3, 25);
    uint32_t const from_expected = at_most(exponent - expected + 6, 12);
    select.mantissa(both, kLarge ? 200 : 25);
    select.mantissa(from_expected, kLarge ? 156 : 13);
    select.mantissa(0, kLarge ? 128 : 16);
    select.mantissa(around(rates_.row_mean(), exponent, 3, 25) / (kLarge ? 1 : 4), kLarge ? 25 : 8);
  }

  template <typename Coder>
  auto decide(Coder& coder, bool y, size_t node) -> bool {
    return lengths_.code(coder, y, node, set_, 0);
  }

  /// A length in [0, length_max], by how it differs from the expected one, which is at least 1 and,
  /// in a damaged patch, may be past the largest.
  template <typename Coder>
  auto code_length(Coder& coder, int32_t length, int32_t expected, int32_t length_max) -> int32_t {
    if (!decide(coder, length != 0, 0)) return 0;
    if (decide(coder, length > expected, 1)) {
      int32_t k = expected + 1;
      while (k < length_max &&
             decide(coder, length > k, static_cast<size_t>(2 + std::min(k - expected - 1, kSteps))))
        ++k;
      return std::min(k, length_max);
    }
    int32_t k = expected;
    while (k > 1 &&
           decide(coder, length < k, kDown + static_cast<size_t>(std::min(expected - k, kSteps))))
      --k;
    return std::min(k, length_max);
  }

  /// `count` bits, highest first; the first three are modelled.
  template <typename Coder>
  auto code_bits(Coder& coder, uint32_t bits, uint32_t count) -> uint32_t {
    uint32_t const modelled = std::min(count, 3u);
    uint32_t const below = count - modelled;
    uint32_t value = 1;  // a one, and the bits until now
    for (uint32_t i = count; i-- > below;)
      value = value * 2 + mantissas_.code(coder, (bits >> i) & 1, value, 0, 0);
    value ^= 1u << modelled;
    return value << below | coder.raw(bits & ((1u << below) - 1), below);
  }

  Mixing<kInputs, kNodes, kSlots, kSets> lengths_;
  Mixing<4, kMantissaNodes, kMantissaSlots, 1> mantissas_;
  NumberRates rates_;
  size_t set_ = 0;
};

}  // namespace godwit::proto::weights
