// The weights of a model file as real numbers: .tflite, .onnx and .safetensors, in floating point
// or quantised.
#pragma once

#include "compiler/requantise/float_weights.h"
#include "proto/base/bytes.h"

namespace godwit::cli {

/// Quantised tensors as what their codes mean. Tensors without data in the file, and integers
/// without scales, are left out. `invalid` for a file of another kind and for weights that are not
/// numbers.
auto read_float_weights(ByteView file) -> Result<std::vector<compiler::FloatTensor>>;

}  // namespace godwit::cli
