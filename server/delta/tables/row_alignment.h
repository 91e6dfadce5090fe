// A tensor that gained or lost a run of rows (classes, output channels): which old rows its rows
// come from.
#pragma once

#include "server/delta/tensor_map.h"

namespace godwit::delta {

/// Pieces that cover the rows of `to` in order. Both have the same type and columns.
auto align_rows(ByteView old_file, TensorSpan const& from, ByteView new_file, TensorSpan const& to)
    -> std::vector<TensorPair>;

}  // namespace godwit::delta
