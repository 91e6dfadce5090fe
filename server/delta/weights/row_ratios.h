// The factor of each row of a tensor, by which its new weights follow from the old ones.
#pragma once

#include <vector>

#include "server/delta/pages.h"
#include "server/delta/tensor_map.h"

namespace godwit::delta {

/// By the quotients of the scales that both files give: for tensors that have them.
auto file_ratios(ByteView old_file, ByteView new_file, TensorPair const& pair)
    -> std::vector<int32_t>;

/// By the weights themselves. Of floats the one factor that many of a row have in common, if there
/// is one: a batch normalisation that was folded into a layer leaves it behind where inputs are
/// dead. Else the one that leaves the least squares.
auto fitted_ratios(ByteView old_file, ByteView new_file, TensorPair const& pair, Pages& pages)
    -> std::vector<int32_t>;

}  // namespace godwit::delta
