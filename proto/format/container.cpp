#include "proto/format/container.h"

#include <algorithm>

#include "proto/format/block_maker.h"
#include "proto/format/container_index.h"
#include "proto/format/splice.h"
#include "proto/format/varint.h"
#include "proto/format/weights/sections.h"
#include "proto/format/weights/segment_reader.h"
#include "proto/trust/digest.h"

namespace godwit::proto {
namespace {

/// Sections and one payload as the decoder reads them: one behind the other.
class PatchSource final : public ByteSource {
 public:
  PatchSource(ByteView sections, ByteView payload) : sections_(sections), payload_(payload) {}
  auto read(uint64_t offset, std::span<uint8_t> out) -> Result<> override {
    if (offset < sections_.size()) return ViewSource(sections_).read(offset, out);
    return ViewSource(payload_).read(offset - sections_.size(), out);
  }

 private:
  ByteView sections_;
  ByteView payload_;
};

}  // namespace

auto block_check(ByteView bytes) -> uint64_t {
  return first_bytes(sha256(bytes));
}

auto check_of(BlockOperation operation, ByteView bytes) -> std::optional<uint64_t> {
  if (operation == BlockOperation::copy) return std::nullopt;
  return block_check(bytes);
}

auto parse_container(ByteView patch, PatchLimits const& limits) -> Result<Container> {
  Reader reader(patch);
  TRY(ContainerHeader header, read_header(reader, limits));
  Container container = std::move(header.container);
  TRY(container.sections, reader.bytes(header.section_bytes));
  ViewSource sections(container.sections);
  TRY_VOID(
      check_sections(sections, {.offset = 0, .bytes = header.section_bytes}, container.profile));
  TRY(auto index_bytes, reader.bytes(header.index_bytes));
  TRY(auto payload_bytes, reader.bytes(reader.left()));
  Reader index(index_bytes);
  Reader payloads(payload_bytes);
  IndexReader entries;
  while (entries.more(container)) {
    auto const context = [&] { return "block " + std::to_string(container.blocks.size()); };
    TRY(IndexEntry entry, entries.next(index, container).within(context()));
    TRY(entry.block.payload, payloads.bytes(entry.payload_bytes).within(context()));
    container.blocks.push_back(entry.block);
  }
  TRY_VOID(entries.finish(header, index.left(), payloads.left()));
  return container;
}

auto write_beginning(Container const& container) -> Bytes {
  auto const index = write_index(container);
  Writer writer;
  write_header(writer, container, index.size());
  writer.bytes(container.sections);
  writer.bytes(index);
  return std::move(writer).take();
}

auto write_container(Container const& container) -> Bytes {
  auto patch = write_beginning(container);
  size_t bytes = patch.size();
  for (Block const& block : container.blocks) bytes += block.payload.size();
  patch.reserve(bytes);
  for (Block const& block : container.blocks)
    patch.insert(patch.end(), block.payload.begin(), block.payload.end());
  return patch;
}

auto check_old_file(Container const& container, ByteView old_file) -> Result<> {
  if (old_file.size() == container.old_bytes && container.is_for(sha256(old_file))) return {};
  return another_old_file(container);
}

auto old_digest_hex(Container const& container) -> std::string {
  return to_hex(ByteView(container.old_sha256.bytes).first(container.old_digest_bytes()));
}

auto another_old_file(Container const& container) -> Error {
  return conflict("the patch was made for another old file, of " +
                  std::to_string(container.old_bytes) + " bytes and SHA-256 " +
                  old_digest_hex(container));
}

BlockApplier::BlockApplier(Container const& container, ByteView old_file)
    : sections_(container.sections),
      old_(old_file),
      maker_(std::make_unique<BlockMaker>(container.version, container.profile, old_file.size())) {}
BlockApplier::~BlockApplier() = default;

auto BlockApplier::apply(Block const& block, std::span<uint8_t> out) -> Result<> {
  ViewSource old_file(old_);
  PatchSource patch(sections_, block.payload);
  return maker_->make(block,
                      {.sections = {.offset = 0, .bytes = sections_.size()},
                       .payload = {.offset = sections_.size(), .bytes = block.payload.size()}},
                      old_file, patch, out);
}

auto apply_container(ByteView old_file, ByteView patch, PatchLimits const& limits)
    -> Result<Bytes> {
  TRY(Container const container, parse_container(patch, limits));
  TRY_VOID(check_old_file(container, old_file));
  Bytes out;
  out.reserve(static_cast<size_t>(container.new_bytes));
  BlockApplier applier(container, old_file);
  for (size_t i = 0; i < container.blocks.size(); ++i) {
    Block const& block = container.blocks[i];
    out.resize(out.size() + block.new_bytes);
    TRY_VOID(applier.apply(block, std::span(out).last(block.new_bytes))
                 .within("block " + std::to_string(i)));
  }
  if (sha256(out) != container.new_sha256) return corrupt("the result has not the expected hash");
  return out;
}

namespace {

/// Bytes that are predicted from the old file count as added, others as literal.
auto count_segments(Container const& container, Block const& block, PatchInfo& info) -> Result<> {
  TRY(auto const segments, read_segments(block, container.old_bytes));
  for (weights::Segment const& segment : segments) {
    bool const copy = segment.kind == weights::SegmentKind::copy;
    bool const added = segment.kind == weights::SegmentKind::bytes || segment.from_old;
    (copy ? info.copied_bytes : added ? info.added_bytes : info.literal_bytes) += segment.bytes;
  }
  info.instructions += segments.size();
  return {};
}

}  // namespace

auto read_segments(Block const& block, uint64_t old_bytes)
    -> Result<std::vector<weights::Segment>> {
  std::vector<weights::Segment> segments;
  ViewSource source(block.payload);
  weights::DescriptionModel model;
  weights::SegmentReader reader({.sections = {},
                                 .payload = {.offset = 0, .bytes = block.payload.size()},
                                 .described = block.operation == BlockOperation::described,
                                 .old_offset = block.old_offset,
                                 .old_bytes = old_bytes,
                                 .new_bytes = block.new_bytes},
                                source, model);
  while (reader.more()) {
    TRY(auto const segment, reader.next());
    for (uint32_t i = 0; i < segment.coded_bytes; ++i) reader.payload().next();
    segments.push_back(segment);
  }
  TRY_VOID(reader.finish());
  return segments;
}

auto inspect_container(ByteView patch, PatchLimits const& limits) -> Result<PatchInfo> {
  TRY(Container const container, parse_container(patch, limits));
  PatchInfo info;
  info.format = PatchFormat::godwit;
  info.new_bytes = container.new_bytes;
  info.container = PatchInfo::Container{.version = container.version,
                                        .profile = static_cast<uint16_t>(container.profile),
                                        .ram_bytes = profile_ram_bytes(container.profile),
                                        .blocks = static_cast<uint32_t>(container.blocks.size()),
                                        .old_bytes = container.old_bytes,
                                        .old_sha256 = old_digest_hex(container),
                                        .new_sha256 = container.new_sha256};
  for (Block const& block : container.blocks) {
    if (block.operation == BlockOperation::copy) {
      info.copied_bytes += block.new_bytes;
      ++info.instructions;
      continue;
    }
    if (has_segments(block.operation)) {
      TRY_VOID(count_segments(container, block, info));
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
