// The contexts of tabled segments (docs/format-delta.md, "Tabled segments"), beside those that
// learn: what came before chooses among the tables of the segment, and the tables stay.
#pragma once

#include "proto/format/weights/fine_numbers.h"
#include "proto/format/weights/tabled_decoder.h"
#include "proto/format/weights/tensor_rows.h"

namespace godwit::proto::weights {

/// A difference of int8 that was folded: 0, 1, -1, 2, ...; the other way round if `flip`.
constexpr auto unfolded(uint32_t folded, bool flip) -> int8_t {
  auto const size = static_cast<int32_t>((folded + 1) >> 1);
  bool const negative = ((folded & 1) == 0) != flip;
  return static_cast<int8_t>(static_cast<uint8_t>(negative ? -size : size));
}

/// What each weight asks for, as tables: a weight takes some six nanoseconds.
struct ResidualTables {
  std::array<std::array<int8_t, kSymbols>, 2> unfolded;  // by symbol
  std::array<uint8_t, 64> near;                          // twice the context by fraction
};
constexpr auto make_residual_tables() -> ResidualTables {
  ResidualTables tables{};
  for (uint32_t folded = 0; folded < kSymbols; ++folded)
    for (bool const flip : {false, true}) tables.unfolded[flip][folded] = unfolded(folded, flip);
  for (uint32_t f = 0; f < tables.near.size(); ++f)
    tables.near[f] = static_cast<uint8_t>(2 * ((f < 32 ? 31 - f : f - 32) >> 3) * kLevels);
  return tables;
}
inline constexpr auto kResiduals = make_residual_tables();

/// Differences of int8 weights: by how large they were in the column and the row, and by where
/// between its neighbours the prediction lay, on whose side the difference is likely to be.
class TabledResiduals {
 public:
  using ColumnState = uint16_t;  // the mean size of its differences

  void begin_segment(bool wide) {
    wide_ = wide;
    rate_ = 256;
    step_ = step_of(256);
    row_ = 0;
  }
  void begin_row() {}
  void end_row() { ++row_; }

  /// A piece of a row; `columns` of this and all further columns of the row, or empty. What a
  /// symbol does not wait for is done for all of the piece, before and after.
  template <typename Coder>
  void code(Coder& coder, RowPrediction const& row, std::span<int8_t const> old,
            std::span<int8_t> made, std::span<uint16_t> columns) {
    Predictions<10> predictions;
    predict(row, old, predictions);
    std::array<uint8_t, kPieceElements> levels;  // of the columns; then how large differences were
    if (columns.empty()) {
      code_piece<false>(coder, predictions, made, levels);
      return;
    }
    columns = columns.first(made.size());
    steps_of(columns, kLevels - 1, levels);
    code_piece<true>(coder, predictions, made, levels);
    learn_sizes(std::span(levels).first(made.size()), row_ < 4 ? 1 : row_ < 16 ? 3 : 4, columns);
  }

 private:
  static auto step_of(uint32_t rate) -> uint32_t { return std::min(log_step(rate), kLevels - 1); }

  template <bool kColumns, typename Coder>
  void code_piece(Coder& coder, Predictions<10> const& predictions, std::span<int8_t> made,
                  std::span<uint8_t> levels) {
    if (wide_)
      code_piece_of<true, kColumns>(coder, predictions, made, levels);
    else
      code_piece_of<false, kColumns>(coder, predictions, made, levels);
  }
  template <bool kWide, bool kColumns, typename Coder>
  void code_piece_of(Coder& coder, Predictions<10> const& predictions, std::span<int8_t> made,
                     std::span<uint8_t> levels) {
    auto state = coder.state();
    int32_t rate = rate_;
    uint32_t step = step_;
    for (size_t j = 0; j < made.size(); ++j) {
      int32_t const value = predictions.value[j];
      uint32_t const fraction = predictions.fraction[j];  // in 1/64
      uint32_t const context =
          (kResiduals.near[fraction] + (kColumns ? levels[j] + step : 2 * step)) >> 1;
      auto const known = static_cast<int8_t>(static_cast<uint8_t>(made[j] - value));
      // One step late, so that the next context does not wait for this symbol.
      step = step_of(static_cast<uint32_t>(rate));
      Coded const difference = kWide ? code_wide(coder, state, context, known)
                                     : code_near(coder, state, context, known, fraction < 32);
      made[j] = static_cast<int8_t>(static_cast<uint8_t>(value + difference.value));
      levels[j] = static_cast<uint8_t>(difference.size);
      rate += (difference.size * kSizeOne - rate) >> 5;
    }
    rate_ = rate;
    step_ = step;
    coder.keep(state);
  }

  /// Of a weight, and what is remembered of it.
  struct Coded {
    int8_t value;
    int32_t size;  // up to 31
  };
  static auto size_of(int32_t difference) -> int32_t {
    return std::min(std::abs(difference), kSizeMax);
  }

  /// Folded so that the likelier sign comes first; from 15 on with eight bits more.
  template <typename Coder>
  [[gnu::always_inline]] static auto code_near(Coder& coder, typename Coder::State& state,
                                               uint32_t context, int32_t residual, bool flip)
      -> Coded {
    constexpr uint32_t kLarge = kSymbols - 1;
    int32_t const turned = flip ? -residual : residual;
    auto const known = static_cast<uint32_t>(turned <= 0 ? -2 * turned : 2 * turned - 1);
    uint32_t folded = coder.symbol(state, context, std::min(known, kLarge));
    if (folded < kLarge)
      return {.value = kResiduals.unfolded[flip][folded],
              .size = static_cast<int32_t>((folded + 1) >> 1)};
    folded += coder.raw(state, 8, (known - kLarge) & 255);
    int8_t const value = unfolded(folded, flip);
    return {.value = value, .size = size_of(value)};
  }

  /// By its two halves.
  template <typename Coder>
  [[gnu::always_inline]] static auto code_wide(Coder& coder, typename Coder::State& state,
                                               uint32_t context, int32_t residual) -> Coded {
    auto const known = static_cast<uint32_t>(residual + 128);
    uint32_t const high = coder.symbol(state, context, known >> 4);
    uint32_t const low = coder.symbol(state, kLowContexts + high, known & 15);
    auto const value = static_cast<int8_t>(static_cast<int32_t>(high * 16 + low) - 128);
    return {.value = value, .size = size_of(value / 4)};
  }

  bool wide_ = false;
  int32_t rate_ = 0;
  uint32_t step_ = 0;
  uint32_t row_ = 0;
};

template <typename Coder>
void code_narrow(Coder& coder, TabledResiduals& model, RowPrediction const& row,
                 std::span<int8_t const> old, std::span<int8_t> made, std::span<uint16_t> columns) {
  model.code(coder, row, old, made, columns);
}

/// Numbers of 16 and 32 bits: the length of the difference, or the exponent, as it differs from
/// what is expected; all else as it is.
class TabledNumbers {
 public:
  void begin_segment() { rates_.begin_segment(); }
  void begin_row() { rates_.begin_row(); }

  template <typename Coder>
  auto code(Coder& coder, FloatForm const& form, NumberPrediction const& predicted, uint32_t number,
            std::span<NumberColumn> columns) -> uint32_t {
    OrderedPair const pair = order(form, predicted.bits, number);
    int32_t const level = NumberRates::level_of(form, predicted.bits);
    int32_t const expected = rates_.expected(form, level, columns);
    int32_t const left = rates_.left().cls == 0 ? 0 : rates_.left().magnitude - level;
    uint32_t const near = left == 0 ? 0 : left < expected ? 1 : left == expected ? 2 : 3;
    auto const wanted = static_cast<uint32_t>(expected);
    uint32_t const context = near * kLevels + (form.bits == 16 ? wanted : wanted * 11 / 16);
    Difference const known = difference(pair);
    auto state = coder.state();
    auto const length = code_near(coder, state, context, expected,
                                  static_cast<int32_t>(std::bit_width(known.size)), form.bits, 0);
    Difference made;
    if (length > 0) {
      // The sign above the bits below the highest.
      uint32_t const high = 1u << (length - 1);
      uint64_t const bits = (known.negative ? uint64_t{high} : 0) | (known.size & (high - 1));
      uint64_t const coded = code_raw(coder, state, static_cast<uint32_t>(length), bits);
      made = {.negative = (coded & high) != 0,
              .size = high | (static_cast<uint32_t>(coded) & (high - 1))};
    }
    coder.keep(state);
    rates_.learn(made, level, columns);
    return differing(form, pair.from, made);
  }

  template <typename Coder>
  auto code_alone(Coder& coder, FloatForm const& form, uint32_t number,
                  std::span<NumberColumn> columns) -> uint32_t {
    if (form.mantissa_bits == 0) return code(coder, form, {}, number, columns);
    int32_t const expected = std::max((rates_.row_mean() + 16) >> 5, 1);
    auto const nearness = [&](int32_t exponent, int32_t steps) {
      return static_cast<uint32_t>(std::clamp(exponent - expected + steps / 2, 0, steps - 1));
    };
    int32_t const column = rates_.column_mean(columns);
    uint32_t const context =
        nearness(rates_.left().magnitude, 4) * kLevels + nearness((column + 16) >> 5, kLevels);
    auto state = coder.state();
    int32_t const exponent =
        code_near(coder, state, context, expected, static_cast<int32_t>(form.exponent(number)),
                  form.exponent_max(), 1);
    uint32_t const mantissa = (1u << form.mantissa_bits) - 1;
    uint64_t const bits = (number & mantissa) | (number & form.sign_bit() ? mantissa + 1 : 0);
    auto const coded = static_cast<uint32_t>(code_raw(coder, state, form.mantissa_bits + 1, bits));
    coder.keep(state);
    rates_.learn_alone(exponent, columns);
    return (coded > mantissa ? form.sign_bit() : 0) |
           static_cast<uint32_t>(exponent) << form.mantissa_bits | (coded & mantissa);
  }

  /// As NumberRowModel's.
  template <typename Coder>
  auto code_by_magnitude(Coder& coder, FloatForm const& form, uint32_t number,
                         std::span<NumberColumn> columns) -> uint32_t {
    int32_t const expected = std::max((rates_.row_mean() + 16) >> 5, 1);
    int32_t const left = rates_.left().magnitude;
    uint32_t const near = left == 0 ? 0 : left < expected ? 1 : left == expected ? 2 : 3;
    int32_t const column = ((rates_.column_mean(columns) + 16) >> 5) - expected;
    uint32_t const context =
        near * kLevels + static_cast<uint32_t>(std::clamp(column + kLevelMiddle, 0, kLevelLast));
    auto state = coder.state();
    auto const made = static_cast<uint32_t>(code_near(coder, state, context, expected,
                                                      static_cast<int32_t>(form.magnitude(number)),
                                                      form.magnitude_max(), 0, kMagnitudeBits));
    uint32_t const count = form.bits_below(made);
    uint32_t const high = 1u << count;  // the sign above the bits below the highest
    uint64_t const bits = (number & (high - 1)) | (number & form.sign_bit() ? high : 0);
    auto const coded = static_cast<uint32_t>(code_raw(coder, state, count + 1, bits));
    coder.keep(state);
    rates_.learn_alone(static_cast<int32_t>(made), columns);
    return (coded & high ? form.sign_bit() : 0) | form.of_magnitude(made, coded & (high - 1));
  }

 private:
  static constexpr int32_t kLevelMiddle = 12;
  static constexpr int32_t kLevelLast = 23;
  static constexpr uint32_t kMagnitudeBits = 9;

  /// A number of [0, `most`]: symbols 0 (only for 0, if `first` is 0) to 14 are how far it is from
  /// the expected one; 15 comes with the number itself.
  template <typename Coder>
  static auto code_near(Coder& coder, typename Coder::State& state, uint32_t context,
                        int32_t expected, int32_t number, uint32_t most, int32_t first,
                        uint32_t number_bits = 8) -> int32_t {
    constexpr int32_t kFar = kSymbols - 1;
    constexpr int32_t kMiddle = 8;
    int32_t const away = number - expected + kMiddle;
    bool const is_near = away > -first && away < kFar && (number > 0 || first > 0);
    int32_t const known = number == 0 && first == 0 ? 0 : is_near ? away : kFar;
    auto const symbol =
        static_cast<int32_t>(coder.symbol(state, context, static_cast<uint32_t>(known)));
    if (symbol == 0 && first == 0) return 0;
    if (symbol < kFar)
      return std::clamp(symbol + expected - kMiddle, 0, static_cast<int32_t>(most));
    uint32_t const far = coder.raw(state, number_bits, static_cast<uint32_t>(number));
    return static_cast<int32_t>(std::min(far, most));
  }

  NumberRates rates_;
};

/// Any bytes: differences to those of the old file by how many before were the same, others by the
/// byte before and the place; each by its halves.
class TabledBytes {
 public:
  void begin_segment() {
    before_ = 0;
    same_ = 0;
    place_ = 0;
  }
  template <typename Coder>
  auto code_add(Coder& coder, uint64_t count) -> uint64_t {
    return code_number(coder, kListContexts, count);
  }
  template <typename Coder>
  auto code_literal(Coder& coder, uint64_t count) -> uint64_t {
    return code_number(coder, kListContexts + 1, count);
  }
  template <typename Coder>
  auto code_seek(Coder& coder, int64_t distance) -> int64_t {
    return unfold(code_number(coder, kListContexts + 2, fold(distance)));
  }

  template <typename Coder>
  void code_beside(Coder& coder, ByteView old, std::span<uint8_t> made) {
    auto state = coder.state();
    for (size_t i = 0; i < made.size(); ++i) {
      // Differences near zero have one high half.
      auto const known = static_cast<uint8_t>(made[i] - old[i] + 8);
      auto const near = static_cast<uint32_t>(std::popcount(same_ & 7));
      uint32_t const high = coder.symbol(state, near * kLevels + (same_ & 1), known >> 4);
      uint32_t const low = coder.symbol(state, kLowContexts + high, known & 15);
      auto const byte = static_cast<uint8_t>(old[i] + high * 16 + low - 8);
      remember(byte, byte == old[i]);
      made[i] = byte;
    }
    coder.keep(state);
  }
  template <typename Coder>
  void code_alone(Coder& coder, std::span<uint8_t> made) {
    constexpr uint32_t kAloneLevel = 2;
    constexpr uint32_t kAloneLow = kListContexts + 16;
    auto state = coder.state();
    for (uint8_t& byte : made) {
      uint32_t const context = (place_ & 3) * kLevels + kAloneLevel + (before_ >> 4);
      uint32_t const high = coder.symbol(state, context, byte >> 4);
      uint32_t const low = coder.symbol(state, kAloneLow + high, byte & 15);
      byte = static_cast<uint8_t>(high * 16 + low);
      remember(byte, false);
    }
    coder.keep(state);
  }

 private:
  void remember(uint8_t byte, bool same) {
    before_ = byte;
    same_ = same_ << 1 | static_cast<uint32_t>(same);
    ++place_;
  }
  uint32_t before_ = 0;
  uint32_t same_ = 0;
  uint32_t place_ = 0;
};

struct TabledRatio {
  template <typename Coder>
  auto code(Coder& coder, uint64_t value) -> uint64_t {
    return std::min(code_number(coder, kRatioContext, value), uint64_t{1} << 32);
  }
};

/// The rows' entries of factors, each component in a context of its own.
struct TabledEntries {
  template <typename Arena>
  auto begin(Arena& /*unused*/, size_t /*count*/) -> bool {
    return true;
  }
  template <typename Coder>
  auto code(Coder& coder, size_t component, uint64_t value) -> uint64_t {
    return std::min(code_number(coder, kListContexts + static_cast<uint32_t>(component), value),
                    uint64_t{1} << kEntryBits);
  }
};

/// All of them, and the tables, as one object in memory of the caller. Segments share nothing.
struct TabledModels {
  TabledResiduals residual;
  TabledNumbers numbers;
  FineNumbers fine;
  TabledBytes bytes;
  TabledRatio ratio;
  TabledEntries entries;
};

}  // namespace godwit::proto::weights
