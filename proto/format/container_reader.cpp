#include "proto/format/container_reader.h"

#include "proto/format/container_index.h"
#include "proto/trust/digest.h"

namespace godwit::proto {

auto sha256_of(ByteSource& source, uint64_t bytes) -> Result<Sha256> {
  Sha256Stream stream;
  Bytes buffer(64u << 10);
  for (uint64_t at = 0; at < bytes;) {
    auto const piece =
        std::span(buffer).first(static_cast<size_t>(std::min<uint64_t>(bytes - at, buffer.size())));
    TRY_VOID(source.read(at, piece));
    stream.add(piece);
    at += piece.size();
  }
  return stream.finish();
}

auto ContainerReader::open(ByteSource& patch, uint64_t patch_bytes, PatchLimits const& limits)
    -> Result<ContainerReader> {
  std::array<uint8_t, kContainerHeaderBytes> bytes;
  if (patch_bytes < bytes.size()) return corrupt("a patch that is cut off");
  TRY_VOID(patch.read(0, bytes));
  Reader reader(bytes);
  TRY(ContainerHeader header, read_header(reader, limits));
  ContainerReader opened(patch);
  opened.container_ = std::move(header.container);
  opened.sections_ = {.offset = kContainerHeaderBytes, .bytes = header.section_bytes};
  uint64_t const index_at = kContainerHeaderBytes + uint64_t{header.section_bytes};
  if (index_at + header.index_bytes > patch_bytes) return corrupt("a patch that is cut off");
  TRY_VOID(check_sections(patch, opened.sections_, opened.container_.profile));
  TRY_VOID(opened.read_index({.offset = index_at, .bytes = header.index_bytes}, header.block_count,
                             patch_bytes));
  opened.maker_ =
      std::make_unique<BlockMaker>(opened.container_.profile, opened.container_.old_bytes);
  return opened;
}

auto ContainerReader::read_index(weights::Range where, uint32_t block_count, uint64_t patch_bytes)
    -> Result<> {
  Bytes bytes(static_cast<size_t>(where.bytes));
  TRY_VOID(patch_->read(where.offset, bytes));
  Reader index(bytes);
  uint64_t payload_at = where.offset + where.bytes;
  Block before;
  container_.blocks.reserve(block_count);
  payloads_.reserve(block_count);
  for (uint32_t i = 0; i < block_count; ++i) {
    TRY(IndexEntry const entry,
        read_entry(index, container_, before).within("block " + std::to_string(i)));
    if (entry.payload_bytes > patch_bytes - payload_at) return corrupt("a patch that is cut off");
    payloads_.push_back({.offset = payload_at, .bytes = entry.payload_bytes});
    payload_at += entry.payload_bytes;
    before = entry.block;
    container_.blocks.push_back(before);
  }
  if (before.new_offset + before.new_bytes != container_.new_bytes)
    return corrupt("blocks make less than the new file");
  if (index.left() || payload_at != patch_bytes) return corrupt("bytes that belong to no block");
  return {};
}

auto ContainerReader::check_old(ByteSource& old_file, uint64_t old_bytes) const -> Result<> {
  if (old_bytes == container_.old_bytes) {
    TRY(auto const digest, sha256_of(old_file, old_bytes));
    if (digest == container_.old_sha256) return {};
  }
  return another_old_file(container_);
}

auto ContainerReader::make(size_t block, ByteSource& old_file, std::span<uint8_t> out) -> Result<> {
  return maker_
      ->make(container_.blocks[block], {.sections = sections_, .payload = payloads_[block]},
             old_file, *patch_, out)
      .within("block " + std::to_string(block));
}

auto ContainerReader::payload(size_t block) const -> Result<Bytes> {
  Bytes bytes(static_cast<size_t>(payloads_[block].bytes));
  TRY_VOID(patch_->read(payloads_[block].offset, bytes));
  return bytes;
}

}  // namespace godwit::proto
