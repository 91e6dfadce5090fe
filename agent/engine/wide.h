// int16 activations with int8 weights: the matrix operators, whatever their window.
#pragma once

#include "agent/engine/kernel.h"

namespace godwit::engine {

/// CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED of int16: docs/engine.md, "int16".
void wide_matrix(Step const& step);

}  // namespace godwit::engine
