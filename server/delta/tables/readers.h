// One reader per kind of file. Each fails on files of another kind and on anything that does not
// hold, without saying more than a test needs: the caller falls back to plain bytes.
#pragma once

#include "server/delta/tables/tensor_table.h"

namespace godwit::delta {

/// Our own compiled model (docs/format-model.md): its constants.
auto read_compiled_model(ByteView file) -> Result<TensorTable>;
/// TensorFlow Lite's FlatBuffers schema, version 3: tensors with data in the file.
auto read_tflite(ByteView file) -> Result<TensorTable>;
/// A length, a JSON header, then the data (huggingface.co/docs/safetensors).
auto read_safetensors(ByteView file) -> Result<TensorTable>;
/// ONNX's ModelProto: initializers and constants with their data in the file; data in other files
/// is left alone.
auto read_onnx(ByteView file) -> Result<TensorTable>;
/// .tflite files inside of another file, stored as they are.
auto read_bundle(ByteView file) -> Result<TensorTable>;

/// A layout that an operator wrote beside a raw file: {"tensors": [{"name", "dtype", "shape",
/// "offset", "scale"}]}, where "scale" names the float32 tensor of this one's scales, a row each.
/// `invalid` with the reason, for here somebody wants to know.
auto read_layout(std::string_view json, ByteView file) -> Result<TensorTable>;

}  // namespace godwit::delta
