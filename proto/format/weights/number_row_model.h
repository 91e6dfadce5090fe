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
  void reset() { mixing_.reset(kWeight); }
  void begin_segment() { rates_.begin_segment(); }
  void begin_row() {
    rates_.begin_row();
    above_left_ = 0;
  }

  /// The number, coded as its difference to `predicted`.
  template <typename Coder>
  auto code(Coder& coder, FloatForm const& form, uint32_t predicted, uint32_t number,
            std::span<NumberColumn> columns) -> uint32_t {
    OrderedPair const pair = order(form, predicted, number);
    uint32_t const level = NumberRates::level_of(form, predicted);
    int32_t const expected = contexts(form, level, predicted, columns);
    auto const coded =
        code_difference(coder, difference(pair), expected, static_cast<int32_t>(form.bits));
    rates_.learn(form, coded, level, columns);
    return differing(form, pair.from, coded);
  }

  /// The number by itself.
  template <typename Coder>
  auto code_alone(Coder& coder, FloatForm const& form, uint32_t number,
                  std::span<NumberColumn> columns) -> uint32_t {
    if (form.mantissa_bits == 0) return code(coder, form, 0, number, columns);
    auto const exponent = static_cast<int32_t>(form.exponent(number));
    int32_t const expected = contexts_alone(columns);
    int32_t const made =
        code_length(coder, exponent, expected, static_cast<int32_t>(form.exponent_max()));
    bool const negative = coder.bit((number & form.sign_bit()) != 0, kHalf);
    uint32_t const mantissa =
        code_bits(coder, number & ((1u << form.mantissa_bits) - 1), form.mantissa_bits);
    rates_.learn_alone(made, columns);
    return (negative ? form.sign_bit() : 0) | static_cast<uint32_t>(made) << form.mantissa_bits |
           mantissa;
  }

 private:
  static constexpr uint32_t kHalf = 32768;
  static constexpr size_t kNodes = 34;
  static constexpr size_t kDown = 14;
  static constexpr size_t kSign = 26;
  static constexpr size_t kTop = 26;  // plus 1..7
  static constexpr int32_t kSteps = 11;
  static constexpr size_t kInputs = kLarge ? 8 : 5;
  static constexpr size_t kSets = kLarge ? 4 : 1;
  static constexpr size_t kSlots =
      kLarge ? 320 + 400 + 400 + 27 + 34 + 34 + 272 + 400 : 20 + 20 + 20 + 27 + 34;
  static constexpr int16_t kWeight = 16384 * 3 / 10;

  static auto at_most(int32_t v, int32_t high) -> uint32_t {
    return static_cast<uint32_t>(std::clamp(v, 0, high));
  }
  static auto sign3(uint32_t cls) -> uint32_t { return cls == 0 ? 0 : 1 + (cls & 1); }

  class Selector {
   public:
    explicit Selector(NumberRowModel& model) : model_(model) {}
    void operator()(uint32_t context, uint32_t size) {
      model_.mixing_.select(input_++, base_ + std::min(context, size - 1));
      base_ += size;
    }

   private:
    NumberRowModel& model_;
    size_t input_ = 0;
    size_t base_ = 0;
  };

  auto contexts(FloatForm const& form, uint32_t level, uint32_t predicted,
                std::span<NumberColumn> columns) -> int32_t {
    bool const wide = NumberRates::is_wide(form);
    int32_t const drop = wide ? 6 : 0;
    uint32_t const above = columns.empty() ? 0 : columns[0].above;
    int32_t const column_mean = columns.empty() ? 0 : columns[0].mean;
    int32_t const row_mean = rates_.row_mean();
    uint32_t const left = rates_.left()[0];
    int32_t const length = rates_.expected(form, level, columns);
    uint32_t const pq = at_most(length - drop, 19);
    uint32_t const lq = at_most(static_cast<int32_t>(left >> 1) - drop, 19);
    uint32_t const uq = at_most(static_cast<int32_t>(above >> 1) - drop, 19);
    uint32_t const row = at_most((row_mean + 8) >> 4, 33);
    uint32_t const column = at_most((column_mean + 8) >> 4, 33);
    uint32_t const signs = sign3(left) * 9 + sign3(above) * 3 + sign3(above_left_);
    uint32_t const high = form.mantissa_bits >= 3 ? (predicted >> (form.mantissa_bits - 3)) & 7
                                                  : at_most(static_cast<int32_t>(predicted & 7), 7);
    uint32_t const xq = wide ? at_most((static_cast<int32_t>(level) - 8) >> 1, 15) : level >> 1;
    Selector select(*this);
    if constexpr (kLarge) {
      select(xq * 20 + pq, 320);
      select(lq * 20 + pq, 400);
      select(uq * 20 + pq, 400);
      select(signs, 27);
      select(row, 34);
      select(column, 34);
      select(row * 8 + high, 272);
      select(std::min(row >> 1, 19u) * 20 + (column >> 1), 400);
      set_ = std::min(wide ? level / 10 : level / 6, 3u);
    } else {
      select(pq, 20);
      select(lq, 20);
      select(uq, 20);
      select(signs, 27);
      select(row, 34);
    }
    above_left_ = above;
    return std::max(length, 1);
  }

  auto contexts_alone(std::span<NumberColumn> columns) -> int32_t {
    int32_t const row_mean = rates_.row_mean();
    int32_t const above = columns.empty() ? 0 : columns[0].above;
    int32_t const column_mean = columns.empty() ? row_mean : columns[0].mean;
    int32_t const expected = std::max((row_mean + 8) >> 4, 1);
    // By how much the neighbours' exponents differ from what is expected.
    auto const near = [&](int32_t exponent) { return at_most(exponent - expected + 12, 19); };
    uint32_t const left = near(static_cast<int32_t>(rates_.left()[0]));
    uint32_t const before = near(static_cast<int32_t>(rates_.left()[1]));
    uint32_t const up = near(above);
    uint32_t const column = near((column_mean + 8) >> 4);
    uint32_t const level = at_most(expected & 31, 31);
    Selector select(*this);
    if constexpr (kLarge) {
      select(left, 320);
      select(left * 20 + before, 400);
      select(up * 20 + left, 400);
      select(static_cast<uint32_t>(row_mean & 15), 27);
      select(level, 34);
      select(column, 34);
      select(column * 8 + static_cast<uint32_t>((row_mean >> 1) & 7), 272);
      select(column * 20 + up, 400);
      set_ = 0;
    } else {
      select(left, 20);
      select(before, 20);
      select(up, 20);
      select(column, 27);
      select(level, 34);
    }
    return expected;
  }

  template <typename Coder>
  auto decide(Coder& coder, bool y, size_t node) -> bool {
    return mixing_.code(coder, y, node, set_, 0);
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
    uint32_t value = 0;
    size_t context = 1;
    for (uint32_t i = count; i-- > 0;) {
      bool const y = (bits >> i) & 1;
      bool const coded = count - i <= 3 ? decide(coder, y, kTop + context) : coder.bit(y, kHalf);
      context = (context * 2 + coded) & 7;
      value = value << 1 | static_cast<uint32_t>(coded);
    }
    return value;
  }

  template <typename Coder>
  auto code_difference(Coder& coder, Difference const& d, int32_t expected, int32_t bits)
      -> Difference {
    auto const length = static_cast<int32_t>(std::bit_width(d.size));
    int32_t const made = code_length(coder, length, expected, bits);
    if (made == 0) return {};
    bool const negative = decide(coder, d.negative, kSign);
    auto const below = static_cast<uint32_t>(made - 1);
    uint32_t const high = below == 0 ? 1 : 1u << below;
    uint32_t const low = code_bits(coder, d.size & (high - 1), below);
    return {.negative = negative, .size = high | low};
  }

  Mixing<kInputs, kNodes, kSlots, kSets> mixing_;
  NumberRates rates_;
  uint32_t above_left_ = 0;
  size_t set_ = 0;
};

}  // namespace godwit::proto::weights
