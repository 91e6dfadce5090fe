// Containers as version 3 wrote them, which every later decoder reads.
#pragma once

#include "proto/format/container.h"
#include "proto/format/varint.h"

namespace godwit::proto::test {

inline auto write_version_3(Container const& container) -> Bytes {
  Writer index;
  uint64_t expected = 0;
  for (Block const& block : container.blocks) {
    write_varint(index, block.new_bytes);
    index.u8(static_cast<uint8_t>(block.operation));
    write_zigzag(index, static_cast<int64_t>(block.old_offset - expected));
    write_varint(index, block.payload.size());
    index.u64(*block.check);
    expected = block.old_offset + block.new_bytes;
  }
  Writer writer;
  writer.bytes(as_bytes(kContainerMagic));
  writer.u16(3);
  writer.u16(static_cast<uint16_t>(container.profile));
  writer.u32(static_cast<uint32_t>(container.blocks.size()));
  writer.u64(container.old_bytes);
  writer.u64(container.new_bytes);
  writer.bytes(container.old_sha256.bytes);
  writer.bytes(container.new_sha256.bytes);
  writer.u32(static_cast<uint32_t>(container.sections.size()));
  writer.u32(static_cast<uint32_t>(index.size()));
  writer.bytes(container.sections);
  writer.bytes(index.view());
  for (Block const& block : container.blocks) writer.bytes(block.payload);
  return std::move(writer).take();
}

}  // namespace godwit::proto::test
