// Elements of tensors as floating-point values, for the encoder's choices only.
#pragma once

#include "server/delta/tensor_map.h"

namespace godwit::delta {

/// `count` elements from the first on; infinities and NaN are 0.
void read_values(ElementType type, ByteView stored, std::span<float> out);

}  // namespace godwit::delta
