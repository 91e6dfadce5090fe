#include "proto/format/container_index.h"

#include <algorithm>

#include "proto/format/varint.h"
#include "proto/format/weights/sections.h"

namespace godwit::proto {
namespace {

auto read_sha256(Reader& reader) -> Result<Sha256> {
  Sha256 digest;
  TRY(auto bytes, reader.bytes(digest.bytes.size()));
  std::copy(bytes.begin(), bytes.end(), digest.bytes.begin());
  return digest;
}

auto allows(Profile profile, uint8_t operation) -> bool {
  switch (static_cast<BlockOperation>(operation)) {
    case BlockOperation::copy:
      return true;
    case BlockOperation::splice:
      return profile == Profile::bytes || profile == Profile::weights_large;
    case BlockOperation::weights:
    case BlockOperation::described:
      return profile != Profile::bytes;
  }
  return false;
}

}  // namespace

auto profile_ram_bytes(Profile profile) -> uint64_t {
  switch (profile) {
    case Profile::bytes:
      return 1u << 20;
    case Profile::weights_small:
    case Profile::weights_fast:
      return 192u << 10;
    case Profile::weights_large:
      return 3u << 20;
  }
  return 0;
}

auto has_segments(BlockOperation operation) -> bool {
  return operation == BlockOperation::weights || operation == BlockOperation::described;
}

auto is_known(Profile profile) -> bool {
  return profile_ram_bytes(profile) > 0;
}

auto decoder_size(Profile profile) -> weights::Size {
  return profile == Profile::weights_small  ? weights::Size::small
         : profile == Profile::weights_fast ? weights::Size::fast
                                            : weights::Size::large;
}

auto read_header(Reader& reader, PatchLimits const& limits) -> Result<ContainerHeader> {
  TRY(auto magic, reader.bytes(kContainerMagic.size()));
  if (as_text(magic) != kContainerMagic) return corrupt("not a Godwit patch");
  TRY(uint16_t const version, reader.u16());
  if (version < kContainerVersionFirst || version > kContainerVersion)
    return corrupt("patch format version " + std::to_string(version) + " is not known here");
  TRY(uint16_t const profile, reader.u16());
  if (!is_known(static_cast<Profile>(profile)))
    return corrupt("patch profile " + std::to_string(profile) + " is not known here");
  ContainerHeader header;
  header.container.profile = static_cast<Profile>(profile);
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

auto expected_old_offset(Block const& before) -> uint64_t {
  return before.old_offset + before.new_bytes;
}

auto read_entry(Reader& index, Container const& container, Block const& before)
    -> Result<IndexEntry> {
  IndexEntry entry;
  Block& block = entry.block;
  block.new_offset = before.new_offset + before.new_bytes;
  TRY(uint64_t const new_bytes, read_varint(index));
  if (new_bytes == 0 || new_bytes > kBlockBytesMax) return corrupt("a block of a wrong size");
  if (new_bytes > container.new_bytes - block.new_offset)
    return corrupt("blocks make more than the new file");
  block.new_bytes = static_cast<uint32_t>(new_bytes);
  TRY(uint8_t const operation, index.u8());
  if (!allows(container.profile, operation))
    return corrupt("block operation " + std::to_string(operation) + " is not known here");
  block.operation = static_cast<BlockOperation>(operation);
  TRY(int64_t const distance, read_zigzag(index));
  // Modulo 2^64 on purpose: whatever the distance is, the result is held against the old file.
  block.old_offset = expected_old_offset(before) + static_cast<uint64_t>(distance);
  if (block.old_offset > container.old_bytes) return corrupt("a block starts past the old file");
  TRY(entry.payload_bytes, read_varint(index));
  TRY(block.check, index.u64());
  if (block.operation == BlockOperation::copy) {
    if (block.new_bytes > container.old_bytes - block.old_offset)
      return corrupt("a block copies past the end of the old file");
    if (entry.payload_bytes > 0) return corrupt("a copied block with a payload");
  }
  return entry;
}

namespace {

struct SectionHead {
  uint16_t type = 0;
  uint16_t flags = 0;
  weights::Range body;
};

/// Takes one section off the front of `sections`.
auto next_section(ByteSource& patch, weights::Range& sections) -> Result<SectionHead> {
  std::array<uint8_t, weights::kSectionHeaderBytes> bytes;
  if (sections.bytes < bytes.size()) return corrupt("a section that is cut off");
  TRY_VOID(patch.read(sections.offset, bytes));
  Reader reader(bytes);
  SectionHead head;
  TRY(head.type, reader.u16());
  TRY(head.flags, reader.u16());
  TRY(uint32_t const length, reader.u32());
  sections.offset += bytes.size();
  sections.bytes -= bytes.size();
  if (length > sections.bytes) return corrupt("a section that is cut off");
  head.body = {.offset = sections.offset, .bytes = length};
  sections.offset += length;
  sections.bytes -= length;
  return head;
}

}  // namespace

auto check_sections(ByteSource& patch, weights::Range sections, Profile profile) -> Result<> {
  while (sections.bytes > 0) {
    TRY(auto const head, next_section(patch, sections));
    bool const known = head.type == kOrderSection ||
                       (head.type == weights::kFactorsSection && profile != Profile::bytes);
    if (!known && (head.flags & weights::kSectionCritical))
      return corrupt("critical section " + std::to_string(head.type) + " is not known here");
  }
  return {};
}

auto find_section(ByteSource& patch, weights::Range sections, uint16_t type)
    -> Result<std::optional<weights::Range>> {
  while (sections.bytes > 0) {
    TRY(auto const head, next_section(patch, sections));
    if (head.type == type) return std::optional(head.body);
  }
  return std::optional<weights::Range>();
}

}  // namespace godwit::proto
