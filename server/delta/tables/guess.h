// What a raw file without a layout seems to hold: regions of one type of element by the entropy of
// its bytes, the length of rows by where changes repeat.
#pragma once

#include <vector>

#include "server/delta/tensor_map.h"

namespace godwit::delta {

/// Tensors of two files of one size, each paired with the same place of the old file; none where
/// the files do not look like weights. A wrong guess costs bytes, never the result.
auto guess_pairs(ByteView old_file, ByteView new_file) -> std::vector<TensorPair>;

}  // namespace godwit::delta
