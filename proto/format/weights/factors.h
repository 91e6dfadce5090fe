// Low-rank predictions: how a tensor moved is often nearly a sum of few outer products. One factor
// of each (a number for each column) lies in a section of the patch; the other (a number for each
// row) comes with the rows (docs/format-delta.md, "Factors").
#pragma once

#include <span>

#include "proto/format/byte_source.h"
#include "proto/format/weights/mixing_math.h"
#include "proto/format/weights/number_model.h"

namespace godwit::proto::weights {

constexpr uint32_t kRankMax = 64;
constexpr uint32_t kFractionBitsMax = 16;  // of codes; floats may have 255
constexpr size_t kEntryBits = 16;          // of a row's factor
using EntryModel = NumberModel<kEntryBits>;

/// The section's fixed part; `multipliers` follow it, then the coded entries.
struct FactorHeader {
  uint32_t cols = 0;
  uint32_t rank = 0;
  uint32_t fraction_bits = 0;  // of weights and sums
};

/// The weight of one component in one row, from the row's entry: in [-32767, 32767].
inline auto row_weight(int64_t entry, uint32_t multiplier) -> int16_t {
  int64_t const weight = (entry * multiplier + 128) >> 8;
  return static_cast<int16_t>(std::clamp<int64_t>(weight, -32767, 32767));
}

/// What a row adds to the predictions from column `first` on, in units of the factors: sums of at
/// most kRankMax products, below 2^28. Of `columns` each component lies by itself.
inline void add_products(std::span<int16_t const> weights, std::span<int8_t const> columns,
                         size_t first, std::span<int32_t> out) {
  size_t const rank = weights.size();
  size_t const cols = columns.size() / rank;
  std::fill(out.begin(), out.end(), 0);
  for (size_t k = 0; k < rank; k += 4) {
    // Four components at a time; behind the last ones come some that weigh nothing.
    FourFactors four{};
    for (size_t i = 0; i < 4; ++i) {
      four.columns[i] = &columns[std::min(k + i, rank - 1) * cols + first];
      four.weights[i] = k + i < rank ? weights[k + i] : int16_t{0};
    }
    add_products_of(four, out);
  }
}

/// The same sums in 1/65536 of a code.
inline void to_code_units(uint32_t fraction_bits, std::span<int32_t> sums) {
  for (int32_t& sum : sums)
    sum = static_cast<int32_t>(std::clamp<int64_t>(
        int64_t{sum} * (int64_t{1} << (16 - fraction_bits)), -(1 << 28), 1 << 28));
}

/// The columns' factor, one component after the other.
template <typename Coder>
void code_columns(Coder& coder, EntryModel& model, std::span<int8_t> columns, size_t rank) {
  size_t const cols = columns.size() / rank;
  for (size_t at = 0; at < columns.size(); ++at) {
    if (at % cols == 0) model.reset();
    columns[at] = static_cast<int8_t>(unfold(model.code(coder, fold(columns[at]))));
  }
}

}  // namespace godwit::proto::weights
