// The payload of a `splice` block (docs/format-delta.md): three coded streams: instructions, byte
// differences to the old file, and literals. Decoding keeps no state between blocks.
#pragma once

#include <vector>

#include "proto/format/byte_source.h"

namespace godwit::proto {

/// How the bytes of one stream are stored.
enum class StreamCodec : uint8_t { stored = 0, zstd = 1 };

/// Add `add` differences to the next old bytes, take `literal` literals, then move by `seek` in the
/// old file.
struct Instruction {
  uint32_t add = 0;
  uint32_t literal = 0;
  int64_t seek = 0;
};

/// Fills `out` from `payload`, reading the old file from `old_offset` on.
auto apply_splice(ByteSource& old_file, uint64_t old_bytes, uint64_t old_offset, ByteView payload,
                  std::span<uint8_t> out) -> Result<>;
/// The instructions of a payload that makes `new_bytes` bytes.
auto read_instructions(ByteView payload, uint32_t new_bytes) -> Result<std::vector<Instruction>>;

/// The instructions as the bytes of the first stream.
auto write_instructions(std::span<Instruction const> instructions) -> Bytes;
/// Appends one stream, already coded.
void write_stream(Bytes& payload, StreamCodec codec, uint64_t plain_bytes, ByteView coded);

}  // namespace godwit::proto
