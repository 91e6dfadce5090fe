// Everything of a file that is not a tensor, matched to the old file: bsdiff's matching over the
// parts of the old file that no tensor is predicted from.
#pragma once

#include "server/delta/match.h"
#include "server/delta/tensor_map.h"

namespace godwit::delta {

/// Matches that cover the gaps between `pairs` in the order of the new file, none across the end of
/// a gap. `pairs` are ordered and do not overlap (usable_pairs); `let_go` is told when both files
/// were read.
auto match_gaps(ByteView old_file, ByteView new_file, std::span<TensorPair const> pairs,
                std::function<void(uint64_t)> const& on_bytes = {},
                std::function<void()> const& let_go = {}) -> std::vector<Match>;

/// The same without the old file.
auto literal_gaps(ByteView new_file, std::span<TensorPair const> pairs) -> std::vector<Match>;

}  // namespace godwit::delta
