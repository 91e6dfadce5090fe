// From a .tflite file to a compiled model with its golden outputs. Deterministic: the same file
// gives the same bytes on every machine.
#pragma once

#include "compiler/read/tflite.h"
#include "proto/base/bytes.h"

namespace godwit::compiler {

struct CompileOptions {
  uint32_t golden_rows = 4;             // 0: none
  bool keep_constant_channels = false;  // channels whose value no input can change
  bool round_once = false;  // as TensorFlow Lite does when built with TFLITE_SINGLE_ROUNDING
};

struct Compiled {
  Bytes model;
  uint32_t channels = 0;          // output channels of convolutions and fully connected layers
  uint32_t channels_removed = 0;  // of these, what no input can change or nobody needs
  uint32_t operators_folded = 0;  // into the operators that read what they made
};

/// `invalid` names the first operator or tensor that cannot be compiled and says what to do;
/// `corrupt` for a damaged file.
auto compile_tflite(ByteView file, CompileOptions const& options) -> Result<Compiled>;
/// The same of a graph that was read, or rewritten; `source` is the hash of the file it came from.
auto compile_graph(TfliteModel const& graph, Sha256 const& source, CompileOptions const& options)
    -> Result<Compiled>;

/// The model with golden outputs computed anew, with the seed and the rows that it names.
auto renew_golden(ByteView model) -> Result<Bytes>;

}  // namespace godwit::compiler
