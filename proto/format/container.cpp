#include "proto/format/container.h"

#include <algorithm>

#include "proto/format/container_index.h"
#include "proto/format/splice.h"
#include "proto/format/varint.h"
#include "proto/format/weights/sections.h"
#include "proto/trust/digest.h"

namespace godwit::proto {
namespace {

/// Sections carry what blocks share. One that is not known is passed over unless it is critical.
auto check_sections(ByteView sections, Profile profile) -> Result<> {
  Reader reader(sections);
  while (reader.left() > 0) {
    TRY(uint16_t const type, reader.u16());
    TRY(uint16_t const flags, reader.u16());
    TRY(uint32_t const bytes, reader.u32());
    TRY_VOID(reader.skip(bytes));
    bool const known = type == weights::kFactorsSection && profile != Profile::bytes;
    if (!known && (flags & weights::kSectionCritical))
      return corrupt("critical section " + std::to_string(type) + " is not known here");
  }
  return {};
}

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

class SpanSink final : public ByteSink {
 public:
  explicit SpanSink(std::span<uint8_t> out) : out_(out) {}
  auto write(ByteView bytes) -> Result<> override {
    if (bytes.size() > out_.size()) return corrupt("a block that makes too much");
    std::copy(bytes.begin(), bytes.end(), out_.begin());
    out_ = out_.subspan(bytes.size());
    return {};
  }
  auto left() const -> size_t { return out_.size(); }

 private:
  std::span<uint8_t> out_;
};

}  // namespace

auto profile_ram_bytes(Profile profile) -> uint64_t {
  switch (profile) {
    case Profile::bytes:
      return 1u << 20;
    case Profile::weights_small:
      return 192u << 10;
    case Profile::weights_large:
      return 3u << 20;
  }
  return 0;
}

auto block_check(ByteView bytes) -> uint64_t {
  return first_bytes(sha256(bytes));
}

auto first_bytes(Sha256 const& digest) -> uint64_t {
  uint64_t check = 0;
  for (size_t i = 0; i < 8; ++i) check |= uint64_t{digest.bytes[i]} << (8 * i);
  return check;
}

auto parse_container(ByteView patch, PatchLimits const& limits) -> Result<Container> {
  Reader reader(patch);
  TRY(ContainerHeader header, read_header(reader, limits));
  Container container = std::move(header.container);
  TRY(container.sections, reader.bytes(header.section_bytes));
  TRY_VOID(check_sections(container.sections, container.profile));
  TRY(auto index_bytes, reader.bytes(header.index_bytes));
  TRY(auto payload_bytes, reader.bytes(reader.left()));
  Reader index(index_bytes);
  Reader payloads(payload_bytes);
  container.blocks.reserve(header.block_count);
  Block before;
  for (uint32_t i = 0; i < header.block_count; ++i) {
    auto const context = [i] { return "block " + std::to_string(i); };
    TRY(IndexEntry entry, read_entry(index, container, before).within(context()));
    TRY(entry.block.payload, payloads.bytes(entry.payload_bytes).within(context()));
    before = entry.block;
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
  writer.u32(static_cast<uint32_t>(container.sections.size()));
  writer.u32(static_cast<uint32_t>(index.size()));
  CHECK(writer.size() == kContainerHeaderBytes);
  writer.bytes(container.sections);
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

auto BlockApplier::apply(Block const& block, std::span<uint8_t> out) -> Result<> {
  CHECK(out.size() == block.new_bytes);
  switch (block.operation) {
    case BlockOperation::copy:
      std::copy_n(old_.begin() + static_cast<ptrdiff_t>(block.old_offset), out.size(), out.begin());
      break;
    case BlockOperation::splice:
      TRY_VOID(apply_splice(old_, block.old_offset, block.payload, out));
      break;
    case BlockOperation::weights:
      TRY_VOID(apply_weights(block, out));
      break;
  }
  if (block_check(out) != block.check) return corrupt("its bytes do not have the expected hash");
  return {};
}

auto BlockApplier::apply_weights(Block const& block, std::span<uint8_t> out) -> Result<> {
  if (!decoder_) {
    auto const size =
        container_.profile == Profile::weights_small ? weights::Size::small : weights::Size::large;
    size_t const bytes = weights::decoder_bytes(size);
    memory_ = std::make_unique<std::byte[]>(bytes);
    decoder_ = weights::place_decoder(size, {memory_.get(), bytes});
  }
  ViewSource old_file(old_);
  PatchSource patch(container_.sections, block.payload);
  SpanSink sink(out);
  TRY_VOID(decoder_->decode(
      {.sections = {.offset = 0, .bytes = container_.sections.size()},
       .payload = {.offset = container_.sections.size(), .bytes = block.payload.size()},
       .old_offset = block.old_offset,
       .old_bytes = old_.size(),
       .new_bytes = block.new_bytes},
      old_file, patch, sink));
  CHECK(sink.left() == 0);
  return {};
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
  BufferedReader payload(source, 0, block.payload.size());
  uint64_t expected = block.old_offset;
  uint32_t left = block.new_bytes;
  while (left > 0) {
    TRY(auto const segment, weights::read_segment(payload, expected, old_bytes, left));
    if (payload.past_end() > 0 || segment.coded_bytes > payload.left())
      return corrupt("a block that is cut off");
    for (uint32_t i = 0; i < segment.coded_bytes; ++i) payload.next();
    expected = weights::old_end(segment);
    left -= segment.bytes;
    segments.push_back(segment);
  }
  if (payload.left() > 0) return corrupt("bytes behind the last segment");
  return segments;
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
    if (block.operation == BlockOperation::weights) {
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
