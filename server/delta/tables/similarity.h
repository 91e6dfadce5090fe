// How alike the weights of two tensors are: the correlation of evenly spread samples.
#pragma once

#include <vector>

#include "server/delta/tensor_map.h"

namespace godwit::delta {

/// Up to `count_max` weights, evenly spread, in the order of the tensor.
auto sample_weights(ByteView file, TensorSpan const& tensor, size_t count_max)
    -> std::vector<float>;
/// Between -1 and 1; 0 where one of them does not vary, or they have different lengths.
auto correlation(std::vector<float> const& a, std::vector<float> const& b) -> double;

}  // namespace godwit::delta
