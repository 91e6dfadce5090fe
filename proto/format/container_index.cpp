#include "proto/format/container_index.h"

#include <algorithm>

#include "proto/format/varint.h"
#include "proto/format/weights/sections.h"

namespace godwit::proto {
namespace {

auto read_digest(Reader& reader, std::span<uint8_t> digest) -> Result<> {
  TRY(auto bytes, reader.bytes(digest.size()));
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return {};
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

auto unknown_operation(uint8_t operation) -> Error {
  return corrupt("block operation " + std::to_string(operation) + " is not known here");
}

/// What follows magic, version and profile until version 3.
auto read_long(Reader& reader, ContainerHeader& header) -> Result<> {
  TRY(header.block_count, reader.u32());
  TRY(header.container.old_bytes, reader.u64());
  TRY(header.container.new_bytes, reader.u64());
  TRY_VOID(read_digest(reader, header.container.old_sha256.bytes));
  TRY_VOID(read_digest(reader, header.container.new_sha256.bytes));
  TRY(header.section_bytes, reader.u32());
  TRY(header.index_bytes, reader.u32());
  return {};
}

auto read_length(Reader& reader, uint32_t max) -> Result<uint32_t> {
  TRY(uint64_t const length, read_varint(reader));
  if (length > max) return corrupt("a part of a patch that is too long");
  return static_cast<uint32_t>(length);
}

auto read_short(Reader& reader, ContainerHeader& header) -> Result<> {
  TRY(header.container.old_bytes, read_varint(reader));
  TRY(header.container.new_bytes, read_varint(reader));
  TRY(header.section_bytes, read_length(reader, UINT32_MAX));
  TRY(header.index_bytes, read_length(reader, kIndexBytesMax));
  TRY_VOID(
      read_digest(reader, std::span(header.container.old_sha256.bytes).first(kOldDigestBytes)));
  return read_digest(reader, header.container.new_sha256.bytes);
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

auto first_bytes(Sha256 const& digest) -> uint64_t {
  uint64_t check = 0;
  for (size_t i = 0; i < 8; ++i) check |= uint64_t{digest.bytes[i]} << (8 * i);
  return check;
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
  ContainerHeader header;
  Container& container = header.container;
  TRY(container.version, reader.u16());
  if (container.version < kContainerVersionFirst || container.version > kContainerVersion)
    return corrupt("patch format version " + std::to_string(container.version) +
                   " is not known here");
  TRY(uint16_t const profile, reader.u16());
  if (!is_known(static_cast<Profile>(profile)))
    return corrupt("patch profile " + std::to_string(profile) + " is not known here");
  container.profile = static_cast<Profile>(profile);
  TRY_VOID(container.version < kContainerVersionShort ? read_long(reader, header)
                                                      : read_short(reader, header));
  if (container.new_bytes > limits.new_bytes_max)
    return corrupt("the new file is larger than the limit of " +
                   std::to_string(limits.new_bytes_max) + " bytes");
  header.bytes = reader.offset();
  return header;
}

auto read_header(ByteSource& patch, uint64_t patch_bytes, PatchLimits const& limits)
    -> Result<ContainerHeader> {
  std::array<uint8_t, kContainerHeaderBytesMax> bytes;
  auto const head =
      std::span(bytes).first(static_cast<size_t>(std::min<uint64_t>(patch_bytes, bytes.size())));
  TRY_VOID(patch.read(0, head));
  Reader reader(head);
  TRY(auto header, read_header(reader, limits));
  if (header.payloads_at() > patch_bytes) return corrupt("a patch that is cut off");
  return header;
}

void write_header(Writer& writer, Container const& container, size_t index_bytes) {
  writer.bytes(as_bytes(kContainerMagic));
  writer.u16(kContainerVersion);
  writer.u16(static_cast<uint16_t>(container.profile));
  write_varint(writer, container.old_bytes);
  write_varint(writer, container.new_bytes);
  write_varint(writer, container.sections.size());
  write_varint(writer, index_bytes);
  writer.bytes(ByteView(container.old_sha256.bytes).first(kOldDigestBytes));
  writer.bytes(container.new_sha256.bytes);
}

namespace {

/// Of an entry's first byte since version 4. Without these a block is as large as it can be and
/// goes on in the old file where the one before stopped.
constexpr uint8_t kOperationBits = 3;
constexpr uint8_t kSized = 4;
constexpr uint8_t kMoved = 8;
constexpr uint8_t kChecked = 16;  // of a copy
constexpr int kRunShift = 5;      // of a copy: so many more follow
constexpr uint32_t kRunMax = 7;

/// Old offsets are written as the distance from where the block before stopped copying.
auto expected_old_offset(Block const& before) -> uint64_t {
  return before.old_offset + before.new_bytes;
}

auto largest_block(uint64_t left) -> uint32_t {
  return static_cast<uint32_t>(std::min<uint64_t>(left, kBlockBytesMax));
}

/// The new file's hash is the check of a block that is all of it.
auto is_whole(Block const& block, Container const& container) -> bool {
  return block.new_bytes == container.new_bytes;
}

auto read_size(Reader& index, uint64_t left) -> Result<uint32_t> {
  TRY(uint64_t const new_bytes, read_varint(index));
  if (new_bytes == 0 || new_bytes > kBlockBytesMax) return corrupt("a block of a wrong size");
  if (new_bytes > left) return corrupt("blocks make more than the new file");
  return static_cast<uint32_t>(new_bytes);
}

/// Modulo 2^64 on purpose: whatever the distance is, the result is held against the old file.
auto read_old_offset(Reader& index, Block const& before) -> Result<uint64_t> {
  TRY(int64_t const distance, read_zigzag(index));
  return expected_old_offset(before) + static_cast<uint64_t>(distance);
}

}  // namespace

auto IndexReader::next(Reader& index, Container const& container) -> Result<IndexEntry> {
  TRY(IndexEntry const entry, container.version < kContainerVersionShort
                                  ? read_long(index, container)
                                  : read_short(index, container));
  Block const& block = entry.block;
  if (block.old_offset > container.old_bytes) return corrupt("a block starts past the old file");
  if (block.operation == BlockOperation::copy) {
    if (block.new_bytes > container.old_bytes - block.old_offset)
      return corrupt("a block copies past the end of the old file");
    if (entry.payload_bytes > 0) return corrupt("a copied block with a payload");
  }
  before_ = block;
  ++blocks_;
  return entry;
}

auto IndexReader::finish(ContainerHeader const& header, uint64_t index_left,
                         uint64_t payload_left) const -> Result<> {
  if (header.block_count && *header.block_count != blocks_)
    return corrupt("more or fewer blocks than it says");
  if (index_left > 0 || payload_left > 0 || copies_left_ > 0)
    return corrupt("bytes or blocks that belong to nothing");
  return {};
}

auto IndexReader::read_long(Reader& index, Container const& container) -> Result<IndexEntry> {
  IndexEntry entry;
  Block& block = entry.block;
  block.new_offset = new_end();
  TRY(block.new_bytes, read_size(index, container.new_bytes - block.new_offset));
  TRY(uint8_t const operation, index.u8());
  if (!allows(container.profile, operation)) return unknown_operation(operation);
  block.operation = static_cast<BlockOperation>(operation);
  TRY(block.old_offset, read_old_offset(index, before_));
  TRY(entry.payload_bytes, read_varint(index));
  TRY(block.check, index.u64());
  return entry;
}

auto IndexReader::read_short(Reader& index, Container const& container) -> Result<IndexEntry> {
  IndexEntry entry;
  Block& block = entry.block;
  block.new_offset = new_end();
  uint64_t const left = container.new_bytes - block.new_offset;
  block.new_bytes = largest_block(left);
  block.old_offset = expected_old_offset(before_);
  if (copies_left_ > 0) {
    --copies_left_;
    return entry;
  }
  TRY(uint8_t const head, index.u8());
  uint8_t const operation = head & kOperationBits;
  bool const copy = operation == static_cast<uint8_t>(BlockOperation::copy);
  if (!allows(container.profile, operation) || (!copy && head >= kChecked) ||
      ((head & kChecked) && head >> kRunShift))
    return unknown_operation(head);
  block.operation = static_cast<BlockOperation>(operation);
  if (head & kSized) {
    TRY(block.new_bytes, read_size(index, left));
  }
  if (head & kMoved) {
    TRY(block.old_offset, read_old_offset(index, before_));
  }
  copies_left_ = head >> kRunShift;
  if (!copy) {
    TRY(entry.payload_bytes, read_varint(index));
  }
  if (is_whole(block, container)) {
    block.check = first_bytes(container.new_sha256);
  } else if (!copy || (head & kChecked)) {
    TRY(block.check, index.u64());
  }
  return entry;
}

namespace {

/// How many more copies like the last can follow without an entry of their own.
auto run_after(std::span<Block const> blocks, uint64_t new_end) -> uint32_t {
  uint32_t run = 0;
  for (size_t i = 1; i < blocks.size() && run < kRunMax; ++i, ++run) {
    Block const& block = blocks[i];
    uint64_t const left = new_end - block.new_offset;
    if (block.operation != BlockOperation::copy || block.check ||
        block.new_bytes != largest_block(left) ||
        block.old_offset != expected_old_offset(blocks[i - 1]))
      break;
  }
  return run;
}

}  // namespace

auto write_index(Container const& container) -> Bytes {
  Writer index;
  Block before;
  for (size_t i = 0; i < container.blocks.size(); ++i) {
    Block const& block = container.blocks[i];
    bool const copy = block.operation == BlockOperation::copy;
    bool const checked = !is_whole(block, container) && block.check;
    CHECK(copy || block.check);
    uint32_t const run =
        copy && !checked ? run_after(std::span(container.blocks).subspan(i), container.new_bytes)
                         : 0;
    bool const sized = block.new_bytes != largest_block(container.new_bytes - block.new_offset);
    bool const moved = block.old_offset != expected_old_offset(before);
    index.u8(static_cast<uint8_t>(static_cast<uint8_t>(block.operation) | (sized ? kSized : 0) |
                                  (moved ? kMoved : 0) | (copy && checked ? kChecked : 0) |
                                  run << kRunShift));
    if (sized) write_varint(index, block.new_bytes);
    if (moved)
      write_zigzag(index, static_cast<int64_t>(block.old_offset - expected_old_offset(before)));
    if (!copy) write_varint(index, block.payload.size());
    if (checked) index.u64(*block.check);
    i += run;
    before = container.blocks[i];
  }
  return std::move(index).take();
}

}  // namespace godwit::proto
