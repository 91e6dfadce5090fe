// Raw files that keep float32 scales or biases beside their int8 weights: as many floats as a
// matrix has rows give away the length of the rows.
#pragma once

#include <vector>

#include "server/delta/tensor_map.h"

namespace godwit::delta {

/// The matrices that are found so, with their scales, and the floats between them; in order, none
/// over another, what lies between them is unknown.
auto find_scaled_rows(ByteView file) -> std::vector<TensorSpan>;

}  // namespace godwit::delta
