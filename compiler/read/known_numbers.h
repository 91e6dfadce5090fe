// Numbers that a graph computes of its shapes: SHAPE, and what is done with it before it gives a
// RESHAPE its shape. Shapes are fixed here, so all of it is known before the model runs.
#pragma once

#include <optional>

#include "compiler/read/tflite.h"

namespace godwit::compiler {

/// The numbers that an input of int32 or int64 holds, where it is a constant of at most 256.
auto known_numbers(TfliteModel const& model, int32_t index) -> std::optional<std::vector<int64_t>>;

/// Makes the output of the operator a constant where all that it reads is known; false where it is
/// not, or is more than an operator on a few numbers.
auto make_known(TfliteModel& model, TfliteOperator const& op) -> bool;

}  // namespace godwit::compiler
