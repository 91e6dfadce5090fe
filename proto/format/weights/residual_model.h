// Codes the differences of int8 weights to a prediction, row by row, from what the neighbours'
// differences were (docs/format-delta.md, "Residuals of int8").
#pragma once

#include <cstdlib>
#include <span>

#include "proto/format/weights/narrow_math.h"
#include "proto/format/weights/number_model.h"

namespace godwit::proto::weights {

/// What is known of one weight before it is coded.
struct Prediction {
  int32_t old = 0;        // the old code
  uint32_t fraction = 8;  // where between the neighbours the prediction lay, in 1/16
};

/// What the contexts see of a difference.
struct SeenDifference {
  uint8_t size;  // in six steps
  uint8_t sign;  // 0: none, 1: negative, 2: positive
  int16_t rate;  // up to 31, in 1/1024
  int16_t lean;
};
constexpr auto make_seen_differences() -> std::array<SeenDifference, 256> {
  std::array<SeenDifference, 256> seen{};
  for (int v = -128; v < 128; ++v) {
    int const size = v < 0 ? -v : v;
    seen[static_cast<uint8_t>(v)] = {.size = static_cast<uint8_t>(size < 3    ? size
                                                                  : size < 6  ? 3
                                                                  : size < 16 ? 4
                                                                              : 5),
                                     .sign = static_cast<uint8_t>(v < 0   ? 1
                                                                  : v > 0 ? 2
                                                                          : 0),
                                     .rate = static_cast<int16_t>((size < 31 ? size : 31) * 1024),
                                     .lean = static_cast<int16_t>(v < 0   ? -128
                                                                  : v > 0 ? 128
                                                                          : 0)};
  }
  return seen;
}
inline constexpr auto kSeen = make_seen_differences();

/// Running statistics of one column; at most kColumnsMax of them are kept.
struct Column {
  uint16_t rate = 0;
  int16_t sign = 0;
  int8_t above = 0;
  uint8_t rate_step = 0;
};

/// `Cells` keep what most decisions see.
template <template <size_t> typename Cells>
class ResidualModel {
 public:
  using ColumnState = Column;

  void reset() {
    head_.reset(kWeight);
    tail_.reset(kWeight);
    escape_.reset();
    low_ = {};
  }
  /// `wide`: differences are coded by their length in bits, for those too large for unary.
  void begin_segment(bool wide) {
    if (wide != wide_) reset();  // the decisions mean something else
    wide_ = wide;
    rate_ = 256;
    row_ = 0;
  }
  void begin_row() {
    left_ = {};
    above_left_ = 0;
    sign_ = 0;
    fast_rate_ = rate_;
  }
  void end_row() { ++row_; }

  /// Codes `residual` and returns it; `column` is the first of the `columns` from here to the end
  /// of the row, of which there may be none.
  template <typename Coder>
  [[gnu::always_inline]] auto code(Coder& coder, Prediction const& at, int32_t residual,
                                   Column* column, size_t columns) -> int32_t {
    contexts(at, columns > 0 ? *column : Column(), columns > 1 ? column[1].above : int8_t{0});
    residual = wide_ ? code_wide(coder, residual) : code_unary(coder, residual);
    learn(residual, columns > 0 ? column : nullptr);
    return residual;
  }

 private:
  /// Decisions 0..7 see all contexts; those of large differences, 8..15, only a few.
  static constexpr size_t kNodes = 8;
  static constexpr int32_t kHeadMax = kNodes - 1;  // sizes that the head tells apart
  static constexpr int32_t kUnaryMax = 14;
  static constexpr std::array<size_t, 8> kSizes = {216, 216, 256, 16 * 24, 243, 120, 576, 576};
  static constexpr size_t kSlots = 216 + 216 + 256 + 16 * 24 + 243 + 120 + 576 + 576;
  static constexpr size_t kTailSlots = 576 + 288 + 64;
  static constexpr int16_t kWeight = 16384 * 30 / 100;

  static auto size6(int8_t v) -> uint32_t { return kSeen[static_cast<uint8_t>(v)].size; }
  static auto sign3(int8_t v) -> uint32_t { return kSeen[static_cast<uint8_t>(v)].sign; }
  static auto lean3(int32_t v) -> uint32_t { return v < -24 ? 0 : v > 24 ? 2 : 1; }
  static auto step_of(uint32_t rate) -> uint32_t { return std::min(log_step(rate), 23u); }

  [[gnu::always_inline]] void contexts(Prediction const& at, Column const& column,
                                       int8_t above_right) {
    int8_t const above = column.above;
    uint32_t const column_step = column.rate_step;
    uint32_t const row = step_of(rate_);
    uint32_t const fast = step_of(fast_rate_);
    auto const q = static_cast<uint32_t>(std::abs(at.old));
    uint32_t const old = q < 2 ? 0 : q < 8 ? 1 : q < 24 ? 2 : q < 64 ? 3 : 4;
    column_lean_ = lean3(column.sign);
    size_t base = 0;
    size_t input = 0;
    auto const select = [&](uint32_t context) {
      head_.select(input, base + context);
      base += kSizes[input++];
    };
    uint32_t const left = size6(left_[0]);
    select((left * 6 + size6(left_[1])) * 6 + size6(left_[2]));
    select((size6(above) * 6 + left) * 6 + size6(above_right));
    select(static_cast<uint32_t>(at.old + 128));
    select(at.fraction * 24 + row);
    select((sign3(left_[0]) * 9 + sign3(above) * 3 + sign3(above_left_)) * 9 + column_lean_ * 3 +
           lean3(sign_));
    select(column_step * 5 + old);
    select(row * 24 + fast);
    select(column_step * 24 + row);
    tail_.select(0, column_step * 24 + row);
    tail_.select(1, 576 + row * 12 + (fast >> 1));
    tail_.select(2, 576 + 288 + static_cast<uint32_t>(at.old + 128) / 4);
    above_left_ = above;
    activity_ = std::min((std::max(column_step + row, 12u) - 12) >> 2, 3u);
    second_ = std::min(at.fraction >> 2, 3u);
  }

  template <typename Coder>
  [[gnu::always_inline]] auto decide(Coder& coder, bool y, size_t node, size_t first) -> bool {
    return head_.code(coder, y, node, first, second_);
  }
  template <typename Coder>
  [[gnu::noinline]] auto decide_tail(Coder& coder, bool y, size_t node) -> bool {
    return tail_.code(coder, y, node - kNodes, activity_, second_);
  }

  template <typename Coder>
  [[gnu::always_inline]] auto code_unary(Coder& coder, int32_t residual) -> int32_t {
    if (!decide(coder, residual != 0, 0, activity_)) return 0;
    bool const negative = decide(coder, residual < 0, 1, column_lean_);
    int32_t const size = std::abs(residual);
    int32_t k = 1;
    while (k < kHeadMax && decide(coder, size > k, static_cast<size_t>(1 + k), activity_)) ++k;
    if (k == kHeadMax) {
      while (k <= kUnaryMax && decide_tail(coder, size > k, static_cast<size_t>(1 + k))) ++k;
      if (k > kUnaryMax)
        k += static_cast<int32_t>(escape_.code(coder, static_cast<uint64_t>(size - k)));
    }
    return negative ? -k : k;
  }

  /// By length in bits: decisions 2..8 are whether it is longer, 9..15 the bit below the highest.
  template <typename Coder>
  [[gnu::noinline]] auto code_wide(Coder& coder, int32_t residual) -> int32_t {
    auto const size = static_cast<uint32_t>(std::abs(residual));
    auto const length = static_cast<uint32_t>(std::bit_width(size));
    if (!decide(coder, size != 0, 0, activity_)) return 0;
    bool const negative = decide(coder, residual < 0, 1, column_lean_);
    uint32_t made = 1;
    while (made < 7 && decide(coder, length > made, 1 + made, activity_)) ++made;
    if (made == 7) made += decide_tail(coder, length > made, 1 + made);
    uint32_t value = 1;
    for (uint32_t i = made - 1; i-- > 0;) {
      bool const y = (size >> i) & 1;
      bool coded = false;
      if (i + 2 == made)
        coded = decide_tail(coder, y, 7 + made);
      else
        coded = low_[made - 1][value & 3].code(coder, y);
      value = value * 2 + coded;
    }
    return negative ? -static_cast<int32_t>(value) : static_cast<int32_t>(value);
  }

  [[gnu::always_inline]] void learn(int32_t residual, Column* column) {
    // Residuals are modulo 256, as the byte that they make.
    auto const wrapped = static_cast<int8_t>(static_cast<uint8_t>(residual));
    auto const seen = static_cast<int8_t>(wide_ ? wrapped / 4 : wrapped);
    int32_t const size = kSeen[static_cast<uint8_t>(seen)].rate;
    int32_t const sign = kSeen[static_cast<uint8_t>(wrapped)].lean;
    left_ = {seen, left_[0], left_[1]};
    if (column) {
      int const shift = row_ < 4 ? 1 : row_ < 16 ? 3 : 4;
      column->above = seen;
      column->rate = static_cast<uint16_t>(column->rate + ((size - column->rate) >> shift));
      column->sign = static_cast<int16_t>(column->sign + ((sign - column->sign) >> 3));
      column->rate_step = static_cast<uint8_t>(step_of(column->rate));
    }
    sign_ += (sign - sign_) >> 3;
    rate_ = static_cast<uint32_t>(static_cast<int32_t>(rate_) +
                                  ((size - static_cast<int32_t>(rate_)) >> 5));
    fast_rate_ = static_cast<uint32_t>(static_cast<int32_t>(fast_rate_) +
                                       ((size - static_cast<int32_t>(fast_rate_)) >> 3));
  }

  Mixing<8, kNodes, kSlots, 4, Cells> head_;
  Mixing<3, kNodes, kTailSlots, 4> tail_;
  NumberModel<8> escape_;
  std::array<std::array<AdaptiveBit, 4>, 8> low_;
  bool wide_ = false;
  std::array<int8_t, 3> left_{};
  int8_t above_left_ = 0;
  int32_t sign_ = 0;
  uint32_t rate_ = 0;
  uint32_t fast_rate_ = 0;
  uint32_t row_ = 0;
  uint32_t column_lean_ = 1;
  uint32_t activity_ = 0;
  uint32_t second_ = 0;
};

}  // namespace godwit::proto::weights
