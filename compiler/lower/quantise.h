// From real-valued scales to the integers of a compiled model, in double arithmetic, exactly as
// TensorFlow Lite does it (docs/engine.md, "Multipliers").
#pragma once

#include "proto/format/operators.h"

namespace godwit::compiler {

/// The nearest multiplier of 31 significant bits; 0 below 2^-32.
auto quantise_multiplier(double real) -> proto::Multiplier;

enum class Activation : int8_t { none = 0, relu = 1, relu_n1_to_1 = 2, relu6 = 3 };

/// The bounds, within those of its type, that an activation fused into an operator gives its
/// output.
auto activation_clamp(Activation activation, float scale, int32_t zero_point,
                      proto::Clamp whole = {-128, 127}) -> proto::Clamp;

struct SoftmaxScaling {
  proto::Multiplier multiplier;
  int32_t diff_min;
};
auto softmax_scaling(double beta, double input_scale, proto::Rounding rounding) -> SoftmaxScaling;

}  // namespace godwit::compiler
