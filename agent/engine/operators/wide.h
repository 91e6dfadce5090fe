// int16 activations with int8 weights: the matrix operators, whatever their window.
#pragma once

#include "agent/engine/kernel.h"

namespace godwit::engine {

/// CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED of int16: docs/engine.md, "int16".
void wide_matrix(Step const& step);

/// value * m with 16 bits of the factor, rounded once: how the reference scales sums of 64 bits.
/// Nothing overflows: sums are below 2^47, and m.shift is at most 7.
auto scale_wide(int64_t value, proto::Multiplier m) -> int32_t;

/// A sum of an output channel of a matrix operator as its output.
auto wide_output(Step const& step, int64_t sum, size_t channel, proto::Clamp clamp) -> int16_t;

}  // namespace godwit::engine
