// From a .tflite file to a compiled model with its golden outputs. Deterministic: the same file
// gives the same bytes on every machine.
#pragma once

#include "proto/base/bytes.h"

namespace godwit::compiler {

struct CompileOptions {
  uint32_t golden_rows = 4;  // 0: none
};

/// `invalid` names the first operator or tensor that cannot be compiled and says what to do;
/// `corrupt` for a damaged file.
auto compile_tflite(ByteView file, CompileOptions const& options) -> Result<Bytes>;

/// The model with golden outputs computed anew, with the seed and the rows that it names.
auto renew_golden(ByteView model) -> Result<Bytes>;

}  // namespace godwit::compiler
