// Variable-length integers of the delta container: LEB128, and zigzag for signed ones, in their
// shortest form only, so that a value has one encoding.
#pragma once

#include "proto/base/bytes.h"

namespace godwit::proto {

auto read_varint(Reader& reader) -> Result<uint64_t>;
auto read_zigzag(Reader& reader) -> Result<int64_t>;
void write_varint(Writer& writer, uint64_t value);
void write_zigzag(Writer& writer, int64_t value);

}  // namespace godwit::proto
