// Graphs of TensorFlow Lite's older form, whose activations and weights are uint8 with a zero point
// each, as graphs of int8.
#pragma once

#include "compiler/read/tflite.h"

namespace godwit::compiler {

/// Moves every quantised uint8 tensor by 128, where an operator computes with such a tensor: values
/// and zero points, which changes no real value. Inputs and outputs of the graph stay what they
/// are: QUANTIZE stands between. A tensor that was moved says so, for the operators whose rounding
/// depends on it.
void move_to_int8(TfliteModel& model);

}  // namespace godwit::compiler
