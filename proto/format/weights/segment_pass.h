// Codes one segment of a weights block, for encoder and decoder alike: what differs between them is
// the coder, and where old and new bytes come from or go to.
#pragma once

#include "proto/format/weights/halves.h"
#include "proto/format/weights/models.h"
#include "proto/format/weights/waves.h"

namespace godwit::proto::weights {

/// One instruction of a `bytes` segment, as of a splice.
struct Step {
  uint32_t add = 0;
  uint32_t literal = 0;
  int64_t seek = 0;
};

/// The factors of a row of halves, as the bits of float32: of its own, and of the old row.
struct HalvesFactors {
  uint32_t made = 0;
  uint32_t old = 0;
};

/// What a pass over a segment asks of its side. An encoder knows the new file and answers; a
/// decoder answers anything where it says "encoder", and takes what was made.
class SegmentIo {
 public:
  virtual ~SegmentIo() = default;
  virtual auto read_old(uint64_t offset, std::span<uint8_t> out) -> Result<> = 0;
  virtual void fill(std::span<uint8_t> made) = 0;           // encoder: the next new bytes
  virtual auto take(ByteView made) -> Result<> = 0;         // decoder: the next new bytes
  virtual auto ratio(uint32_t row) -> int32_t = 0;          // encoder
  virtual auto factors(uint32_t row) -> HalvesFactors = 0;  // encoder
  virtual auto entry(uint32_t row, uint32_t component) -> int64_t = 0;  // encoder
  virtual auto step(uint32_t index) -> Step = 0;                        // encoder
};

/// What a tensor uses beside its coded bytes: the factors of a ranked one, or its codebook, whose
/// values are in order.
struct Factors {
  uint32_t fraction_bits = 0;
  std::span<uint32_t const> multipliers{};  // one for each component
  std::span<int8_t const> columns{};        // rank * cols, each component by itself
  std::span<uint32_t const> codebook{};
  std::span<uint32_t const> waves{};
};

/// `Models` either learn (models.h) or choose among the tables of the segment (tabled_models.h).
template <typename Coder, typename Models, typename Arena>
class SegmentPass {
 public:
  SegmentPass(Coder& coder, Models& models, Arena& arena, Segment const& segment, SegmentIo& io)
      : coder_(coder), models_(models), arena_(arena), segment_(segment), io_(io) {}

  auto tensor(Factors const& factors) -> Result<> {
    if constexpr (kLearns) {
      if (segment_.is_alone()) return codes_alone();
    }
    if (segment_.has_codes()) return narrow(factors);
    if constexpr (!kLearns) {
      if (segment_.is_fine()) return numbers(models_.fine, factors);
    }
    return numbers(models_.numbers, factors);
  }

  auto bytes(uint64_t old_bytes) -> Result<> {
    models_.bytes.begin_segment();
    uint64_t at = segment_.old_offset;
    uint32_t left = segment_.bytes;
    for (uint32_t i = 0; left > 0; ++i) {
      Step step = io_.step(i);
      step.add = static_cast<uint32_t>(
          std::min<uint64_t>(models_.bytes.code_add(coder_, step.add), kBlockStepMax));
      step.literal = static_cast<uint32_t>(
          std::min<uint64_t>(models_.bytes.code_literal(coder_, step.literal), kBlockStepMax));
      step.seek = models_.bytes.code_seek(coder_, step.seek);
      if (step.add > left || step.literal > left - step.add || step.add + step.literal == 0)
        return corrupt("an instruction of a wrong size");
      if (step.add > old_bytes - at) return corrupt("an instruction reads past the old file");
      TRY_VOID(beside(at, step.add));
      TRY_VOID(alone(step.literal));
      left -= step.add + step.literal;
      at += step.add;
      // Modulo 2^64 on purpose: held against the old file at once.
      at += static_cast<uint64_t>(step.seek);
      if (at > old_bytes) return corrupt("an instruction seeks out of the old file");
    }
    return {};
  }

 private:
  using NarrowColumn = typename decltype(Models::residual)::ColumnState;
  static constexpr bool kLearns = requires(Models & models) { models.alone; };
  static constexpr uint32_t kBlockStepMax = 1u << 20;
  static constexpr size_t kPieceBytes = 4 * kPieceElements;
  /// Part of the format: a word that begins at the end of such a piece ends there.
  static constexpr size_t kBesideBytes = 512;

  auto narrow(Factors const& factors) -> Result<> {
    models_.residual.begin_segment(segment_.wide);
    auto const columns = keep_columns() ? arena_.template take<NarrowColumn>(segment_.cols)
                                        : std::span<NarrowColumn>();
    size_t const rank = factors.multipliers.size();
    if ((keep_columns() && columns.empty()) || !models_.entries.begin(arena_, rank))
      return corrupt("a tensor too large for the profile of the patch");
    int32_t ratio = kRatioOne;
    uint64_t old_at = segment_.old_offset;
    for (uint32_t row = 0; row < segment_.rows; ++row) {
      if (segment_.scaled) ratio = code_ratio(coder_, models_.ratio, ratio, io_.ratio(row));
      std::array<int16_t, kRankMax> weights;
      code_weights(row, factors, weights);
      models_.residual.begin_row();
      TRY_VOID(narrow_row(std::span(weights).first(rank), factors, ratio, old_at, columns));
      models_.residual.end_row();
      old_at += segment_.row_bytes();
    }
    return {};
  }

  auto codes_alone() -> Result<> {
    models_.alone.begin_segment(segment_);
    auto const columns = keep_columns() ? arena_.template take<AloneColumn>(segment_.cols)
                                        : std::span<AloneColumn>();
    if (keep_columns() && columns.empty())
      return corrupt("a tensor too large for the profile of the patch");
    for (uint32_t row = 0; row < segment_.rows; ++row) {
      models_.alone.begin_row();
      for (uint32_t at = 0; at < segment_.cols; at += kPieceElements) {
        auto const count = std::min<size_t>(segment_.cols - at, kPieceElements);
        size_t const bytes = count * element_bits(segment_.element) / 8;
        std::array<uint8_t, kPieceElements> stored;
        std::array<int8_t, kPieceElements> made;
        io_.fill(std::span(stored).first(bytes));
        unpack(segment_.element, stored, std::span(made).first(count));
        for (size_t j = 0; j < count; ++j)
          made[j] =
              models_.alone.code(coder_, made[j], columns.empty() ? nullptr : &columns[at + j]);
        pack(segment_.element, std::span(made).first(count), std::span(stored).first(bytes));
        TRY_VOID(io_.take(std::span(stored).first(bytes)));
      }
      models_.alone.end_row();
    }
    return {};
  }

  /// The row's entries, as weights of the factors.
  void code_weights(uint32_t row, Factors const& factors, std::span<int16_t> weights) {
    for (size_t k = 0; k < factors.multipliers.size(); ++k) {
      auto const known = fold(io_.entry(row, static_cast<uint32_t>(k)));
      weights[k] =
          row_weight(unfold(models_.entries.code(coder_, k, known)), factors.multipliers[k]);
    }
  }

  // Not inlined, so that the buffers of both never lie on the stack together.
  [[gnu::noinline]] auto narrow_row(std::span<int16_t const> weights, Factors const& factors,
                                    int32_t ratio, uint64_t old_at, std::span<NarrowColumn> columns)
      -> Result<> {
    for (uint32_t at = 0; at < segment_.cols; at += kPieceElements) {
      auto const count = std::min<size_t>(segment_.cols - at, kPieceElements);
      size_t const bytes = count * element_bits(segment_.element) / 8;
      std::array<uint8_t, kPieceBytes> stored;
      std::array<int8_t, kPieceElements> old;
      std::array<int8_t, kPieceElements> made;
      std::array<int32_t, kPieceElements> moves;
      if (segment_.from_old) {
        TRY_VOID(io_.read_old(old_at, std::span(stored).first(bytes)));
        read_codes(factors.codebook, stored, std::span(old).first(count));
        old_at += bytes;
      } else {
        std::fill_n(old.begin(), count, int8_t{0});
      }
      RowPrediction row{.from_old = segment_.from_old, .ratio = ratio};
      if (!weights.empty()) {
        auto const out = std::span(moves).first(count);
        add_products(weights, factors.columns, at, out);
        to_code_units(factors.fraction_bits, out);
        row.moves = out;
      }
      io_.fill(std::span(stored).first(bytes));
      read_codes(factors.codebook, stored, std::span(made).first(count));
      code_narrow(coder_, models_.residual, row, std::span(old).first(count),
                  std::span(made).first(count), columns.empty() ? columns : columns.subspan(at));
      write_codes(factors.codebook, std::span(made).first(count), std::span(stored).first(bytes));
      TRY_VOID(io_.take(std::span(stored).first(bytes)));
    }
    return {};
  }

  void read_codes(std::span<uint32_t const> codebook, ByteView stored, std::span<int8_t> codes) {
    if (codebook.empty())
      unpack(segment_.element, stored, codes);
    else
      to_codes(form_of(segment_.element), codebook, stored, codes);
  }
  void write_codes(std::span<uint32_t const> codebook, std::span<int8_t const> codes,
                   std::span<uint8_t> stored) {
    if (codebook.empty())
      pack(segment_.element, codes, stored);
    else
      from_codes(form_of(segment_.element), codebook, codes, stored);
  }

  template <typename Model>
  auto numbers(Model& model, Factors const& factors) -> Result<> {
    model.begin_segment();
    auto const columns = keep_columns() ? arena_.template take<NumberColumn>(segment_.cols)
                                        : std::span<NumberColumn>();
    size_t const rank = factors.multipliers.size();
    if ((keep_columns() && columns.empty()) || !models_.entries.begin(arena_, rank))
      return corrupt("a tensor too large for the profile of the patch");
    int32_t ratio = kRatioOne;
    uint64_t old_at = segment_.old_offset;
    for (uint32_t row = 0; row < segment_.rows; ++row) {
      if (segment_.scaled) ratio = code_ratio(coder_, models_.ratio, ratio, io_.ratio(row));
      std::array<int16_t, kRankMax> weights;
      code_weights(row, factors, weights);
      model.begin_row();
      TRY_VOID(segment_.halves ? halves_row(model, row, old_at, columns)
                               : numbers_row(model, row, std::span(weights).first(rank), factors,
                                             ratio, old_at, columns));
      old_at += segment_.row_bytes();
    }
    return {};
  }

  template <typename Model>
  [[gnu::noinline]] auto numbers_row(Model& model, uint32_t number,
                                     std::span<int16_t const> weights, Factors const& factors,
                                     int32_t ratio, uint64_t old_at,
                                     std::span<NumberColumn> columns) -> Result<> {
    for (uint32_t at = 0; at < segment_.cols; at += kPieceElements) {
      auto const count = std::min<size_t>(segment_.cols - at, kPieceElements);
      size_t const bytes = count * element_bits(segment_.element) / 8;
      std::array<uint8_t, kPieceBytes> old;
      std::array<uint8_t, kPieceBytes> made;
      std::array<int32_t, kPieceElements> moves;
      if (segment_.from_old) TRY_VOID(io_.read_old(old_at, std::span(old).first(bytes)));
      old_at += bytes;
      NumberRowPrediction row{.ratio = ratio, .unit = factors.fraction_bits};
      if (!weights.empty()) {
        row.moves = std::span(moves).first(count);
        add_products(weights, factors.columns, at, std::span(moves).first(count));
      }
      io_.fill(std::span(made).first(bytes));
      if constexpr (kLearns) {
        if (segment_.back > 0) multiply(std::span(old).first(bytes));
        if (segment_.waves) wave(factors.waves, number, at, std::span(old).first(bytes));
      }
      code_numbers(coder_, model, segment_, row, std::span(old).first(bytes),
                   std::span(made).first(bytes), columns.empty() ? columns : columns.subspan(at));
      keep_list(std::span(made).first(bytes));
      TRY_VOID(io_.take(std::span(made).first(bytes)));
    }
    return {};
  }

  /// As two numbers of 16 bits.
  auto code_factor(uint32_t factor) -> uint32_t {
    uint64_t const high = models_.ratio.code(coder_, factor >> 16);
    uint64_t const low = models_.ratio.code(coder_, factor & 0xffff);
    return static_cast<uint32_t>(high << 16 | (low & 0xffff));
  }

  template <typename Model>
  [[gnu::noinline]] auto halves_row(Model& model, uint32_t row, uint64_t old_at,
                                    std::span<NumberColumn> columns) -> Result<> {
    HalvesFactors factors = io_.factors(row);
    factors.made = code_factor(factors.made);
    if (segment_.from_old) factors.old = code_factor(factors.old);
    Segment coded = segment_;
    coded.element = Element::fp16;
    for (uint32_t at = 0; at < segment_.cols; at += kPieceElements) {
      auto const count = std::min<size_t>(segment_.cols - at, kPieceElements);
      std::array<uint8_t, kPieceBytes> stored;
      std::array<uint8_t, 2 * kPieceElements> old;
      std::array<uint8_t, 2 * kPieceElements> made;
      auto const numbers = std::span(stored).first(4 * count);
      if (segment_.from_old) {
        TRY_VOID(io_.read_old(old_at, numbers));
        to_halves(factors.old, numbers, old);
        old_at += numbers.size();
      }
      io_.fill(numbers);
      to_halves(factors.made, numbers, made);
      code_numbers(coder_, model, coded, {}, std::span(old).first(2 * count),
                   std::span(made).first(2 * count),
                   columns.empty() ? columns : columns.subspan(at));
      for (size_t j = 0; j < count; ++j)
        store<4>(half_times(load<2>(&made[2 * j]), factors.made), &numbers[4 * j]);
      keep_list(numbers);
      TRY_VOID(io_.take(numbers));
    }
    return {};
  }

  static void to_halves(uint32_t factor, ByteView numbers, std::span<uint8_t> halves) {
    for (size_t j = 0; 4 * j < numbers.size(); ++j)
      store<2>(half_over(load<4>(&numbers[4 * j]), factor), &halves[2 * j]);
  }

  /// Lists of float32 are remembered for products.
  void keep_list(ByteView made) {
    if constexpr (kLearns) {
      if (segment_.rows > 1 || segment_.element != Element::fp32) return;
      for (size_t j = 0; j < made.size(); j += 4) models_.kept.add(load(made.subspan(j, 4)));
    }
  }

  /// What a product is predicted to be, as if the old file held it. A piece is remembered when it
  /// is made, and `back` reaches over the whole list.
  void multiply(std::span<uint8_t> products) {
    for (size_t j = 0; j < products.size(); j += 4) {
      auto const ahead = static_cast<uint32_t>(j / 4);
      uint32_t const of = models_.kept.back(segment_.back - ahead);
      store(product_of(of, segment_.times), products.subspan(j, 4));
    }
  }

  /// In the same way.
  void wave(std::span<uint32_t const> values, uint32_t row, uint32_t col,
            std::span<uint8_t> piece) {
    for (size_t j = 0; j < piece.size(); j += 4)
      store(wave_at(segment_, values, row, col + static_cast<uint32_t>(j / 4)),
            piece.subspan(j, 4));
  }

  auto beside(uint64_t old_at, uint32_t count) -> Result<> {
    std::array<uint8_t, kBesideBytes> old;
    std::array<uint8_t, kBesideBytes> made;
    while (count > 0) {
      auto const bytes = std::min<size_t>(count, kBesideBytes);
      TRY_VOID(io_.read_old(old_at, std::span(old).first(bytes)));
      io_.fill(std::span(made).first(bytes));
      models_.bytes.code_beside(coder_, std::span(old).first(bytes), std::span(made).first(bytes));
      TRY_VOID(io_.take(std::span(made).first(bytes)));
      old_at += bytes;
      count -= static_cast<uint32_t>(bytes);
    }
    return {};
  }
  auto alone(uint32_t count) -> Result<> {
    std::array<uint8_t, kPieceElements> made;
    while (count > 0) {
      auto const bytes = std::min<size_t>(count, kPieceElements);
      io_.fill(std::span(made).first(bytes));
      models_.bytes.code_alone(coder_, std::span(made).first(bytes));
      TRY_VOID(io_.take(std::span(made).first(bytes)));
      count -= static_cast<uint32_t>(bytes);
    }
    return {};
  }

  /// Wide rows, and lists of numbers, have no column worth remembering.
  auto keep_columns() const -> bool { return segment_.cols <= kColumnsMax && segment_.rows > 1; }

  Coder& coder_;
  Models& models_;
  Arena& arena_;
  Segment const& segment_;
  SegmentIo& io_;
};

}  // namespace godwit::proto::weights
