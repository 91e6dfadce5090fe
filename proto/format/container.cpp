#include "proto/format/container.h"

#include <algorithm>

#include "proto/format/splice.h"
#include "proto/format/varint.h"
#include "proto/trust/digest.h"

namespace godwit::proto {
namespace {

constexpr uint16_t kSectionCritical = 1;
constexpr uint64_t kIndexEntryBytesMin = 12;

auto read_sha256(Reader& reader) -> Result<Sha256> {
  Sha256 digest;
  TRY(auto bytes, reader.bytes(digest.bytes.size()));
  std::copy(bytes.begin(), bytes.end(), digest.bytes.begin());
  return digest;
}

struct Header {
  Container container;
  uint32_t block_count = 0;
  uint32_t section_bytes = 0;
  uint32_t index_bytes = 0;
};

auto read_header(Reader& reader, PatchLimits const& limits) -> Result<Header> {
  TRY(auto magic, reader.bytes(kContainerMagic.size()));
  if (as_text(magic) != kContainerMagic) return corrupt("not a Godwit patch");
  TRY(uint16_t const version, reader.u16());
  if (version != kContainerVersion)
    return corrupt("patch format version " + std::to_string(version) + " is not known here");
  TRY(uint16_t const profile, reader.u16());
  if (profile != static_cast<uint16_t>(Profile::bytes))
    return corrupt("patch profile " + std::to_string(profile) + " is not known here");
  Header header;
  TRY(header.block_count, reader.u32());
  TRY(header.container.old_bytes, reader.u64());
  TRY(header.container.new_bytes, reader.u64());
  if (header.container.new_bytes > limits.new_bytes_max)
    return corrupt("the new file is larger than the limit of " +
                   std::to_string(limits.new_bytes_max) + " bytes");
  TRY(header.container.old_sha256, read_sha256(reader));
  TRY(header.container.new_sha256, read_sha256(reader));
  TRY(header.section_bytes, reader.u32());
  TRY(header.index_bytes, reader.u32());
  if (header.block_count > header.index_bytes / kIndexEntryBytesMin)
    return corrupt("more blocks than its index can hold");
  return header;
}

/// Sections carry what later profiles need. This profile needs none: it passes over those that are
/// not critical.
auto check_sections(ByteView sections) -> Result<> {
  Reader reader(sections);
  while (reader.left() > 0) {
    TRY(uint16_t const type, reader.u16());
    TRY(uint16_t const flags, reader.u16());
    TRY(uint32_t const bytes, reader.u32());
    TRY_VOID(reader.skip(bytes));
    if (flags & kSectionCritical)
      return corrupt("critical section " + std::to_string(type) + " is not known here");
  }
  return {};
}

/// Old offsets are written as the distance from where the block before stopped copying.
auto expected_old_offset(Block const& before) -> uint64_t {
  return before.old_offset + before.new_bytes;
}

auto read_block(Reader& index, Reader& payloads, Container const& container, Block const& before)
    -> Result<Block> {
  Block block;
  block.new_offset = before.new_offset + before.new_bytes;
  TRY(uint64_t const new_bytes, read_varint(index));
  if (new_bytes == 0 || new_bytes > kBlockBytesMax) return corrupt("a block of a wrong size");
  if (new_bytes > container.new_bytes - block.new_offset)
    return corrupt("blocks make more than the new file");
  block.new_bytes = static_cast<uint32_t>(new_bytes);
  TRY(uint8_t const operation, index.u8());
  if (operation > static_cast<uint8_t>(BlockOperation::splice))
    return corrupt("block operation " + std::to_string(operation) + " is not known here");
  block.operation = static_cast<BlockOperation>(operation);
  TRY(int64_t const distance, read_zigzag(index));
  // Modulo 2^64 on purpose: whatever the distance is, the result is held against the old file.
  block.old_offset = expected_old_offset(before) + static_cast<uint64_t>(distance);
  if (block.old_offset > container.old_bytes) return corrupt("a block starts past the old file");
  TRY(uint64_t const payload_bytes, read_varint(index));
  TRY(block.payload, payloads.bytes(payload_bytes));
  TRY(block.check, index.u64());
  if (block.operation == BlockOperation::copy) {
    if (block.new_bytes > container.old_bytes - block.old_offset)
      return corrupt("a block copies past the end of the old file");
    if (!block.payload.empty()) return corrupt("a copied block with a payload");
  }
  return block;
}

}  // namespace

auto profile_ram_bytes(Profile profile) -> uint64_t {
  switch (profile) {
    case Profile::bytes:
      return 1u << 20;
  }
  return 0;
}

auto block_check(ByteView bytes) -> uint64_t {
  auto const digest = sha256(bytes);
  uint64_t check = 0;
  for (size_t i = 0; i < 8; ++i) check |= uint64_t{digest.bytes[i]} << (8 * i);
  return check;
}

auto parse_container(ByteView patch, PatchLimits const& limits) -> Result<Container> {
  Reader reader(patch);
  TRY(Header header, read_header(reader, limits));
  Container container = std::move(header.container);
  TRY(auto sections, reader.bytes(header.section_bytes));
  TRY_VOID(check_sections(sections));
  TRY(auto index_bytes, reader.bytes(header.index_bytes));
  TRY(auto payload_bytes, reader.bytes(reader.left()));
  Reader index(index_bytes);
  Reader payloads(payload_bytes);
  container.blocks.reserve(header.block_count);
  Block before;
  for (uint32_t i = 0; i < header.block_count; ++i) {
    TRY(before,
        read_block(index, payloads, container, before).within("block " + std::to_string(i)));
    container.blocks.push_back(before);
  }
  if (before.new_offset + before.new_bytes != container.new_bytes)
    return corrupt("blocks make less than the new file");
  if (index.left() || payloads.left()) return corrupt("bytes that belong to no block");
  return container;
}

auto write_container(Container const& container) -> Bytes {
  Writer index;
  Block before;
  for (Block const& block : container.blocks) {
    write_varint(index, block.new_bytes);
    index.u8(static_cast<uint8_t>(block.operation));
    write_zigzag(index, static_cast<int64_t>(block.old_offset - expected_old_offset(before)));
    write_varint(index, block.payload.size());
    index.u64(block.check);
    before = block;
  }
  Writer writer;
  writer.bytes(as_bytes(kContainerMagic));
  writer.u16(kContainerVersion);
  writer.u16(static_cast<uint16_t>(container.profile));
  writer.u32(static_cast<uint32_t>(container.blocks.size()));
  writer.u64(container.old_bytes);
  writer.u64(container.new_bytes);
  writer.bytes(container.old_sha256.bytes);
  writer.bytes(container.new_sha256.bytes);
  writer.u32(0);  // sections
  writer.u32(static_cast<uint32_t>(index.size()));
  CHECK(writer.size() == kContainerHeaderBytes);
  writer.bytes(index.view());
  for (Block const& block : container.blocks) writer.bytes(block.payload);
  return std::move(writer).take();
}

auto check_old_file(Container const& container, ByteView old_file) -> Result<> {
  if (old_file.size() == container.old_bytes && sha256(old_file) == container.old_sha256) return {};
  return conflict("the patch was made for another old file, of " +
                  std::to_string(container.old_bytes) + " bytes and SHA-256 " +
                  container.old_sha256.hex());
}

auto apply_block(ByteView old_file, Block const& block, std::span<uint8_t> out) -> Result<> {
  CHECK(out.size() == block.new_bytes);
  auto const old_left = old_file.subspan(static_cast<size_t>(block.old_offset));
  if (block.operation == BlockOperation::copy) {
    std::copy_n(old_left.begin(), out.size(), out.begin());
  } else {
    TRY_VOID(apply_splice(old_file, block.old_offset, block.payload, out));
  }
  if (block_check(out) != block.check) return corrupt("its bytes do not have the expected hash");
  return {};
}

auto apply_container(ByteView old_file, ByteView patch, PatchLimits const& limits)
    -> Result<Bytes> {
  TRY(Container const container, parse_container(patch, limits));
  TRY_VOID(check_old_file(container, old_file));
  Bytes out;
  out.reserve(static_cast<size_t>(container.new_bytes));
  for (size_t i = 0; i < container.blocks.size(); ++i) {
    Block const& block = container.blocks[i];
    out.resize(out.size() + block.new_bytes);
    TRY_VOID(apply_block(old_file, block, std::span(out).last(block.new_bytes))
                 .within("block " + std::to_string(i)));
  }
  if (sha256(out) != container.new_sha256) return corrupt("the result has not the expected hash");
  return out;
}

auto inspect_container(ByteView patch, PatchLimits const& limits) -> Result<PatchInfo> {
  TRY(Container const container, parse_container(patch, limits));
  PatchInfo info;
  info.format = PatchFormat::godwit;
  info.new_bytes = container.new_bytes;
  info.container = PatchInfo::Container{.profile = static_cast<uint16_t>(container.profile),
                                        .ram_bytes = profile_ram_bytes(container.profile),
                                        .blocks = static_cast<uint32_t>(container.blocks.size()),
                                        .old_bytes = container.old_bytes,
                                        .old_sha256 = container.old_sha256,
                                        .new_sha256 = container.new_sha256};
  for (Block const& block : container.blocks) {
    if (block.operation == BlockOperation::copy) {
      info.copied_bytes += block.new_bytes;
      ++info.instructions;
      continue;
    }
    TRY(auto instructions, read_instructions(block.payload, block.new_bytes));
    for (auto const& instruction : instructions) {
      info.added_bytes += instruction.add;
      info.literal_bytes += instruction.literal;
    }
    info.instructions += instructions.size();
  }
  return info;
}

}  // namespace godwit::proto
