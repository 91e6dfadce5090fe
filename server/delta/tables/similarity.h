// How alike the weights of two tensors are: the correlation of evenly spread samples.
#pragma once

#include <vector>

#include "server/delta/pages.h"
#include "server/delta/tensor_map.h"

namespace godwit::delta {

/// Up to `count_max` weights, evenly spread, in the order of the tensor. `pages` is told of all
/// that lies between them, for that is what a file that is mapped brings into memory.
auto sample_weights(ByteView file, TensorSpan const& tensor, size_t count_max,
                    Pages* pages = nullptr) -> std::vector<float>;
/// Between -1 and 1; 0 where one of them does not vary, or they have different lengths.
auto correlation(std::vector<float> const& a, std::vector<float> const& b) -> double;

}  // namespace godwit::delta
