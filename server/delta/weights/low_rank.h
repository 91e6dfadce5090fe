// How a tensor moved as a sum of few outer products, found by randomised subspace iteration
// (Halko, Martinsson, Tropp: "Finding structure with randomness", 2011) and quantised so that what
// the numbers cost is in balance with what they save.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "proto/base/bytes.h"

namespace godwit::delta {

/// As the format stores them (docs/format-delta.md, "Factors").
struct RankedMove {
  uint32_t rank = 0;
  uint32_t fraction_bits = 0;  // of weights and sums; of floats set by the caller, from `fraction`
  int32_t fraction = 0;        // the same, in the matrix's own units
  std::vector<uint32_t> multipliers;  // one for each component
  std::vector<int8_t> columns;        // rank * cols, each component by itself
  std::vector<int16_t> entries;       // rows * rank
};

struct Matrix {
  uint32_t rows = 0;
  uint32_t cols = 0;
  /// Writes a row of differences: what the prediction without factors leaves.
  std::function<void(uint32_t row, std::span<float> out)> row{};
};

struct RankLimits {
  uint32_t rank_max = 0;
  double noise = 0.02;       // squares that stay whatever is predicted
  int32_t fraction_min = 0;  // of the format
  int32_t fraction_max = 16;
  /// Floats: what quantised factors leave is decomposed again, for one byte of a column's entry
  /// says less than is wanted where a move is of low rank indeed.
  bool refine = false;
};

/// `rank` is 0 when no component saves more than it costs.
auto find_ranked_move(Matrix const& matrix, RankLimits const& limits) -> RankedMove;

}  // namespace godwit::delta
