// What is known of the sizes of 16- and 32-bit numbers before one is coded: running means of the
// row, the column and all (docs/format-delta.md, "Numbers of 16 and 32 bits").
#pragma once

#include <algorithm>
#include <array>
#include <span>

#include "proto/format/weights/scaled_float.h"

namespace godwit::proto::weights {

/// Running statistics of one column of numbers.
struct NumberColumn {
  uint16_t mean = 0;  // of magnitudes, in 1/32
  uint8_t above = 0;  // twice the length, and one for a negative sign; or the exponent
  int8_t lean = 0;    // to which side differences went
};

/// A number and its prediction as integers of the same order. `form.mantissa_bits` 0: an integer.
struct OrderedPair {
  uint32_t from;
  uint32_t to;
};
inline auto in_order(FloatForm const& form, uint32_t number) -> uint32_t {
  return form.mantissa_bits > 0 ? to_ordered(number, form.bits) : number ^ 1u << (form.bits - 1);
}
inline auto out_of_order(FloatForm const& form, uint32_t place) -> uint32_t {
  return form.mantissa_bits > 0 ? from_ordered(place, form.bits) : place ^ 1u << (form.bits - 1);
}
inline auto order(FloatForm const& form, uint32_t predicted, uint32_t number) -> OrderedPair {
  return {.from = in_order(form, predicted), .to = in_order(form, number)};
}

struct Difference {
  bool negative = false;
  uint32_t size = 0;
};
inline auto difference(OrderedPair const& pair) -> Difference {
  bool const negative = pair.to < pair.from;
  return {.negative = negative, .size = negative ? pair.from - pair.to : pair.to - pair.from};
}
/// The number that lies that far from `from`.
inline auto differing(FloatForm const& form, uint32_t from, Difference const& d) -> uint32_t {
  uint32_t const mask = form.bits == 32 ? ~0u : (1u << form.bits) - 1;
  return out_of_order(form, (d.negative ? from - d.size : from + d.size) & mask);
}

/// How fast a mean of n observations moves, in 1/65536.
constexpr auto make_mean_rates() -> std::array<int32_t, 33> {
  std::array<int32_t, 33> rates{};
  for (int n = 0; n < 33; ++n) rates[static_cast<size_t>(n)] = 131072 / (2 * n + 3);
  return rates;
}
inline constexpr auto kMeanRates = make_mean_rates();

/// Magnitudes are logarithms to the base of 2: the exponent of the predicted number plus the length
/// of the difference in bits; or the exponent of a number by itself. Means are in 1/32.
class NumberRates {
 public:
  static constexpr int32_t kOne = 32;

  void begin_segment() { *this = NumberRates(); }
  void begin_row() {
    left_ = before_ = Neighbour();
    above_left_ = 0;
    in_row_ = 0;
    ++rows_;
  }

  struct Neighbour {
    uint32_t cls = 0;       // as NumberColumn's `above`
    int32_t magnitude = 0;  // whole
  };
  auto left() const -> Neighbour const& { return left_; }
  auto before() const -> Neighbour const& { return before_; }
  auto above_left() const -> uint32_t { return above_left_; }
  auto lean() const -> int32_t { return lean_; }
  auto row_mean() const -> int32_t { return row_; }
  auto slow_mean() const -> int32_t { return slow_; }
  auto column_mean(std::span<NumberColumn const> columns) const -> int32_t {
    return columns.empty() || rows_ < 2 ? mean() : columns[0].mean;
  }
  /// What row and column say together: rates of weights are near a product of both.
  auto both(std::span<NumberColumn const> columns) const -> int32_t {
    return row_ + column_mean(columns) - mean();
  }

  static auto level_of(FloatForm const& form, uint32_t v) -> int32_t {
    return form.mantissa_bits == 0 ? 0 : static_cast<int32_t>(std::max(form.exponent(v), 1u));
  }
  /// The length in bits that a difference is likely to have.
  auto expected(FloatForm const& form, int32_t level, std::span<NumberColumn const> columns) const
      -> int32_t {
    int32_t const magnitude = (row_ + both(columns)) >> 1;
    return std::clamp((magnitude - level * kOne + kOne / 2) >> 5, 1,
                      static_cast<int32_t>(form.bits));
  }
  auto expected_exponent() const -> int32_t { return std::max((slow_ + kOne / 2) >> 5, 1); }

  void learn(Difference const& d, int32_t level, std::span<NumberColumn> columns) {
    auto const length = static_cast<int32_t>(std::bit_width(d.size));
    auto const cls = static_cast<uint8_t>(length == 0 ? 0 : length * 2 + d.negative);
    int32_t const side = length == 0 ? 0 : d.negative ? -127 : 127;
    lean_ += (side - lean_) / 16;
    if (!columns.empty())
      columns[0].lean = static_cast<int8_t>(columns[0].lean + (side - columns[0].lean) / 8);
    remember(cls, length + level, columns);
  }
  void learn_alone(int32_t exponent, std::span<NumberColumn> columns) {
    remember(static_cast<uint8_t>(std::min(exponent, 255)), exponent, columns);
  }

 private:
  static constexpr int32_t kRowMax = 28;
  static constexpr int32_t kColumnMax = 30;
  static constexpr int32_t kMeanShift = 9;

  auto mean() const -> int32_t { return all_ >> kMeanShift; }
  static auto moved(int32_t mean, int32_t size, int32_t seen) -> int32_t {
    return mean + ((size - mean) * kMeanRates[static_cast<size_t>(seen)] >> 16);
  }
  void remember(uint8_t cls, int32_t magnitude, std::span<NumberColumn> columns) {
    int32_t const size = magnitude * kOne;
    if (!started_) {
      row_ = slow_ = size;
      all_ = size << kMeanShift;
      started_ = true;
    }
    before_ = left_;
    left_ = {.cls = cls, .magnitude = magnitude};
    if (!columns.empty()) {
      int32_t const mean = columns[0].mean;
      columns[0].mean = static_cast<uint16_t>(
          rows_ < 2 ? size : moved(mean, size, std::min(rows_ - 1, kColumnMax)));
      above_left_ = columns[0].above;
      columns[0].above = cls;
    }
    row_ = moved(row_, size, std::min(in_row_ + 4, kRowMax));
    slow_ += (size - slow_) / 64;
    all_ += size - mean();
    ++in_row_;
  }

  int32_t row_ = 0;
  int32_t slow_ = 0;
  int32_t all_ = 0;  // the mean of all, finer
  int32_t lean_ = 0;
  int32_t rows_ = 0;
  int32_t in_row_ = 0;
  Neighbour left_;
  Neighbour before_;
  uint32_t above_left_ = 0;
  bool started_ = false;
};

}  // namespace godwit::proto::weights
