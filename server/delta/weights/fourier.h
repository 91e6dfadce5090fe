// Finds windowed Fourier bases among float32 tensors: the short-time transforms with which networks
// of sound begin, exported as weights of a convolution.
#pragma once

#include <vector>

#include "proto/format/weights/segment.h"
#include "server/delta/pages.h"
#include "server/delta/tensor_map.h"

namespace godwit::delta {

/// What the rows follow from (proto::weights::wave_values), if nearly all of the tensor does, and
/// how, in `segment`; else nothing.
auto find_waves(ByteView file, TensorSpan const& tensor, proto::weights::Segment& segment,
                Pages& pages) -> std::vector<uint32_t>;

}  // namespace godwit::delta
