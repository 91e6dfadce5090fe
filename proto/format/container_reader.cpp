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
  TRY(ContainerHeader header, read_header(patch, patch_bytes, limits));
  ContainerReader opened(patch);
  opened.container_ = std::move(header.container);
  opened.sections_ = {.offset = header.bytes, .bytes = header.section_bytes};
  TRY_VOID(check_sections(patch, opened.sections_, opened.container_.profile));
  TRY_VOID(opened.read_index(header, patch_bytes));
  opened.maker_ = std::make_unique<BlockMaker>(opened.container_.version, opened.container_.profile,
                                               opened.container_.old_bytes);
  return opened;
}

auto ContainerReader::read_index(ContainerHeader const& header, uint64_t patch_bytes) -> Result<> {
  Bytes bytes(header.index_bytes);
  TRY_VOID(patch_->read(header.index_at(), bytes));
  Reader index(bytes);
  uint64_t payload_at = header.payloads_at();
  IndexReader entries;
  while (entries.more(container_)) {
    TRY(IndexEntry const entry, entries.next(index, container_)
                                    .within("block " + std::to_string(container_.blocks.size())));
    if (entry.payload_bytes > patch_bytes - payload_at) return corrupt("a patch that is cut off");
    payloads_.push_back({.offset = payload_at, .bytes = entry.payload_bytes});
    payload_at += entry.payload_bytes;
    container_.blocks.push_back(entry.block);
  }
  return entries.finish(header, index.left(), patch_bytes - payload_at);
}

auto ContainerReader::check_old(ByteSource& old_file, uint64_t old_bytes) const -> Result<> {
  if (old_bytes == container_.old_bytes) {
    TRY(auto const digest, sha256_of(old_file, old_bytes));
    if (container_.is_for(digest)) return {};
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
