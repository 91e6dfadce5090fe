// A small container that copies and splices, for tests of what containers make and refuse.
#pragma once

#include <zstd.h>

#include "proto/format/splice.h"
#include "proto/trust/digest.h"
#include "tests/unit/proto/format/container_version_3.h"

namespace godwit::proto::test {

inline auto bytes_of(size_t count, uint32_t seed) -> Bytes {
  Bytes bytes(count);
  for (auto& byte : bytes) {
    seed = seed * 1664525 + 1013904223;
    byte = static_cast<uint8_t>(seed >> 24);
  }
  return bytes;
}

inline void add_stored(Bytes& payload, ByteView plain) {
  write_stream(payload, StreamCodec::stored, plain.size(), plain);
}
inline void add_zstd(Bytes& payload, ByteView plain) {
  Bytes coded(ZSTD_compressBound(plain.size()));
  coded.resize(ZSTD_compress(coded.data(), coded.size(), plain.data(), plain.size(), 3));
  write_stream(payload, StreamCodec::zstd, plain.size(), coded);
}

/// Two blocks: the first copies old[100, 300), the second splices 60 bytes of old[0, ...) raised by
/// one, 20 literals and 20 bytes of old[500, ...).
struct Sample {
  Bytes old_file = bytes_of(1000, 1);
  Bytes new_file;
  std::vector<Instruction> instructions = {{.add = 60, .literal = 20, .seek = 440},
                                           {.add = 20, .literal = 0, .seek = 0}};
  Bytes diff = Bytes(80, 0);
  Bytes literals = bytes_of(20, 2);
  Bytes payload;
  Container container;

  Sample() {
    std::fill_n(diff.begin(), 60, uint8_t{1});
    new_file.assign(old_file.begin() + 100, old_file.begin() + 300);
    for (size_t i = 0; i < 60; ++i) new_file.push_back(static_cast<uint8_t>(old_file[i] + 1));
    new_file.insert(new_file.end(), literals.begin(), literals.end());
    new_file.insert(new_file.end(), old_file.begin() + 500, old_file.begin() + 520);
    container = {.profile = Profile::bytes,
                 .old_bytes = old_file.size(),
                 .new_bytes = new_file.size(),
                 .old_sha256 = sha256(old_file),
                 .new_sha256 = sha256(new_file),
                 .blocks = {{.new_offset = 0,
                             .new_bytes = 200,
                             .operation = BlockOperation::copy,
                             .old_offset = 100,
                             .payload = {},
                             .check = block_check(ByteView(new_file).first(200))},
                            {.new_offset = 200,
                             .new_bytes = 100,
                             .operation = BlockOperation::splice,
                             .old_offset = 0,
                             .payload = {},
                             .check = block_check(ByteView(new_file).subspan(200))}}};
  }

  auto build(uint16_t version = kContainerVersion) -> Bytes {
    if (payload.empty()) {
      add_stored(payload, write_instructions(instructions));
      add_zstd(payload, diff);
      add_stored(payload, literals);
    }
    container.blocks[1].payload = payload;
    return version == 3 ? write_version_3(container) : write_container(container);
  }
  auto apply(ByteView patch) const -> Result<Bytes> {
    return apply_container(old_file, patch, {.new_bytes_max = 1000});
  }
};

}  // namespace godwit::proto::test
