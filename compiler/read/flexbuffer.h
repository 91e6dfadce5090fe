// Bounded reading of the numbers in a FlexBuffers map (flatbuffers.dev, "FlexBuffers"), in which
// custom operators of .tflite files keep their options.
#pragma once

#include <map>

#include "proto/base/bytes.h"

namespace godwit::compiler {

/// The root map's numbers and booleans by name; what is neither is left out. `corrupt` for bytes
/// that are no such map.
auto read_flexbuffer_numbers(ByteView bytes) -> Result<std::map<std::string, double>>;

}  // namespace godwit::compiler
