// What is known of the sizes of 16- and 32-bit numbers before one is coded: running means of the
// row and the column (docs/format-delta.md, "Numbers of 16 and 32 bits").
#pragma once

#include <algorithm>
#include <array>
#include <span>

#include "proto/format/weights/scaled_float.h"

namespace godwit::proto::weights {

/// Running statistics of one column of numbers.
struct NumberColumn {
  uint16_t mean = 0;
  uint8_t above = 0;
};

/// A number and its prediction as integers of the same order. `form.mantissa_bits` 0: an integer.
struct OrderedPair {
  uint32_t from;
  uint32_t to;
};
inline auto order(FloatForm const& form, uint32_t predicted, uint32_t number) -> OrderedPair {
  if (form.mantissa_bits > 0)
    return {.from = to_ordered(predicted, form.bits), .to = to_ordered(number, form.bits)};
  uint32_t const base = 1u << (form.bits - 1);
  return {.from = predicted ^ base, .to = number ^ base};
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
  uint32_t const made = (d.negative ? from - d.size : from + d.size) & mask;
  return form.mantissa_bits == 0 ? made ^ 1u << (form.bits - 1) : from_ordered(made, form.bits);
}

class NumberRates {
 public:
  void begin_segment() { row_mean_ = 0; }
  void begin_row() { left_ = {}; }

  auto row_mean() const -> int32_t { return row_mean_; }
  /// Of the numbers to the left: twice the length, and one for a negative sign; or the exponent.
  auto left() const -> std::array<uint32_t, 2> const& { return left_; }

  static auto is_wide(FloatForm const& form) -> bool {
    return form.mantissa_bits > 10 || form.mantissa_bits == 0;
  }
  /// The exponent, moved so that those of weights are near 0..39.
  static auto level_of(FloatForm const& form, uint32_t v) -> uint32_t {
    if (form.mantissa_bits == 0) return 0;
    auto const exponent = static_cast<int32_t>(form.exponent(v));
    bool const half = form.exponent_max() == 31;
    return static_cast<uint32_t>(std::clamp(half ? exponent : exponent - 96, 0, half ? 31 : 39));
  }

  /// The length in bits that a difference is likely to have; may be 0.
  auto expected(FloatForm const& form, uint32_t level, std::span<NumberColumn const> columns) const
      -> int32_t {
    int32_t const mean = columns.empty() ? row_mean_ : (row_mean_ + columns[0].mean) / 2;
    return std::clamp(((mean + 8) >> 4) - static_cast<int32_t>(level) + offset(form), 0,
                      static_cast<int32_t>(form.bits));
  }
  void learn(FloatForm const& form, Difference const& d, uint32_t level,
             std::span<NumberColumn> columns) {
    auto const length = static_cast<int32_t>(std::bit_width(d.size));
    auto const cls = static_cast<uint8_t>(length == 0 ? 0 : length * 2 + d.negative);
    remember(cls, std::max(length + static_cast<int32_t>(level) - offset(form), 0) * 16, columns);
  }
  void learn_alone(int32_t exponent, std::span<NumberColumn> columns) {
    if (row_mean_ == 0) row_mean_ = exponent * 16;
    if (!columns.empty() && columns[0].mean == 0)
      columns[0].mean = static_cast<uint16_t>(exponent * 16);
    remember(static_cast<uint8_t>(exponent), exponent * 16, columns);
  }

 private:
  static auto offset(FloatForm const& form) -> int32_t { return is_wide(form) ? 19 : 11; }
  void remember(uint8_t cls, int32_t size, std::span<NumberColumn> columns) {
    left_ = {cls, left_[0]};
    if (!columns.empty()) {
      columns[0].above = cls;
      columns[0].mean = static_cast<uint16_t>(columns[0].mean + (size - columns[0].mean) / 4);
    }
    row_mean_ += (size - row_mean_) / 8;
  }

  std::array<uint32_t, 2> left_{};
  int32_t row_mean_ = 0;
};

}  // namespace godwit::proto::weights
