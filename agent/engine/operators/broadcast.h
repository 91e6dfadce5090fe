// Walks two inputs that are broadcast to the shape of the output, as operators of two inputs do.
#pragma once

#include "agent/engine/kernel.h"

namespace godwit::engine {

using Strides = std::array<ptrdiff_t, proto::kTensorRankMax>;

/// How far to move in the input for one step along each dimension of the output.
inline auto broadcast_strides(Shape const& input, Shape const& output) -> Strides {
  Strides strides{};
  ptrdiff_t size = 1;
  for (int32_t d = input.rank - 1; d >= 0; --d) {
    auto const extent = input[static_cast<size_t>(d)];
    if (extent != 1) strides[static_cast<size_t>(output.rank - input.rank + d)] = size;
    size *= extent;
  }
  return strides;
}

/// output[i] = combine(a[..], b[..]) for every element of the output.
template <typename T, typename Out, typename Combine>
void broadcast(Step const& step, T const* a, T const* b, Out* output, Combine combine) {
  auto const& shape = step.output().shape;
  auto const& shape_a = step.inputs[0].shape;
  auto const& shape_b = step.inputs[1].shape;
  if (shape_a.elements == shape.elements && shape_b.elements == shape.elements) {
    for (int32_t i = 0; i < shape.elements; ++i) output[i] = combine(a[i], b[i]);
    return;
  }
  auto const strides_a = broadcast_strides(shape_a, shape);
  auto const strides_b = broadcast_strides(shape_b, shape);
  std::array<int32_t, proto::kTensorRankMax> index{};
  ptrdiff_t at_a = 0;
  ptrdiff_t at_b = 0;
  for (int32_t i = 0; i < shape.elements; ++i) {
    output[i] = combine(a[at_a], b[at_b]);
    for (auto d = static_cast<size_t>(shape.rank); d-- > 0;) {
      at_a += strides_a[d];
      at_b += strides_b[d];
      if (++index[d] < shape[d]) break;
      at_a -= strides_a[d] * shape[d];
      at_b -= strides_b[d] * shape[d];
      index[d] = 0;
    }
  }
}

}  // namespace godwit::engine
