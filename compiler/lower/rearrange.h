// Operators that only move values become REARRANGE: for each axis of the output, where each index
// leads in the input.
#pragma once

#include "compiler/lower/lower.h"

namespace godwit::compiler {

constexpr uint32_t kMovedMax = 1 << 22;  // indices of an axis: its table stays small

/// Types that values may have where no operator computes with them.
std::vector<TfliteType> const& all_types();

constexpr uint32_t kOutside = UINT32_MAX;  // no input value: the filler

/// One table for each axis of the output: offsets in elements of the input, which add up.
using Moves = std::vector<std::vector<uint32_t>>;

/// How far apart neighbours along each axis lie.
auto strides_of(std::vector<uint32_t> const& shape) -> std::vector<uint32_t>;

/// index -> start + index * step, each times `stride`.
auto steps(uint32_t count, int64_t start, int64_t step, uint32_t stride) -> std::vector<uint32_t>;

struct Source {
  uint32_t value;
  TfliteTensor const* tensor;
};
/// Input `i` of the operator, a value that is moved and not computed with; quantised as output 0.
auto read_source(Lowering& lowering, size_t i) -> Result<Source>;

/// Makes output `i`. `moves` has an entry for each of its indices; offsets lie in the input.
auto finish_rearrange(Lowering& lowering, uint32_t value, Moves const& moves, int32_t filler = 0,
                      size_t i = 0) -> Result<>;
/// Makes a value of the graph that no tensor of the file stands for.
auto add_rearrange(Lowering& lowering, uint32_t value, Moves const& moves, int32_t filler,
                   TfliteTensor const& like) -> uint32_t;

/// Makes output 0 of values of so many elements side by side: `outer` times one block of each.
auto finish_joined(Lowering& lowering, std::vector<uint32_t> values,
                   std::vector<uint32_t> const& sizes, uint32_t outer, TfliteTensor const& output)
    -> Result<>;

/// `invalid` unless `axis`, which may count from the end, lies within `rank`.
auto read_axis(int64_t axis, size_t rank) -> Result<size_t>;

}  // namespace godwit::compiler
