#include "proto/format/stream_apply.h"

#include <algorithm>
#include <new>

#include "proto/format/container_index.h"
#include "proto/format/small_digest.h"

namespace godwit::proto {
namespace {

constexpr size_t kPieceBytes = 512;

/// Hands on what a block makes and digests it on the way.
class CheckingSink final : public ByteSink {
 public:
  explicit CheckingSink(ByteSink& sink) : sink_(sink) {}
  auto write(ByteView bytes) -> Result<> override {
    digest_.add(bytes);
    return sink_.write(bytes);
  }
  auto check() -> uint64_t { return first_bytes(digest_.finish()); }

 private:
  ByteSink& sink_;
  SmallSha256 digest_;
};

auto copy(ByteSource& from, uint64_t offset, uint64_t bytes, ByteSink& to) -> Result<> {
  std::array<uint8_t, kPieceBytes> buffer;
  while (bytes > 0) {
    auto const piece = std::span(buffer).first(std::min<uint64_t>(bytes, buffer.size()));
    TRY_VOID(from.read(offset, piece));
    TRY_VOID(to.write(piece));
    offset += piece.size();
    bytes -= piece.size();
  }
  return {};
}

class DigestSink final : public ByteSink {
 public:
  auto write(ByteView bytes) -> Result<> override {
    digest.add(bytes);
    return {};
  }
  SmallSha256 digest{};
};

}  // namespace

auto StreamApplier::place(std::span<std::byte> memory) -> StreamApplier* {
  size_t const decoder_at = (sizeof(StreamApplier) + 15) / 16 * 16;
  for (auto const size : {weights::Size::small, weights::Size::fast})
    CHECK(memory.size() >= decoder_at + weights::decoder_bytes(size));
  auto* const applier = new (memory.data()) StreamApplier;
  applier->decoder_memory_ = memory.subspan(decoder_at);
  return applier;
}

auto StreamApplier::open(ByteSource& patch, uint64_t patch_bytes, PatchLimits const& limits)
    -> Result<> {
  std::array<uint8_t, kContainerHeaderBytes> bytes;
  if (patch_bytes < bytes.size()) return corrupt("a patch that is cut off");
  TRY_VOID(patch.read(0, bytes));
  Reader reader(bytes);
  TRY(ContainerHeader header, read_header(reader, limits));
  Profile const profile = header.container.profile;
  if (profile != Profile::weights_small && profile != Profile::weights_fast)
    return corrupt("a patch that needs more memory");
  decoder_ = weights::place_decoder(decoder_size(profile), decoder_memory_);
  uint64_t const index_at = kContainerHeaderBytes + uint64_t{header.section_bytes};
  if (index_at + header.index_bytes > patch_bytes) return corrupt("a patch that is cut off");
  header_ = std::move(header.container);
  block_count_ = header.block_count;
  patch_ = &patch;
  patch_bytes_ = patch_bytes;
  sections_ = {.offset = kContainerHeaderBytes, .bytes = header.section_bytes};
  TRY_VOID(check_sections(patch, sections_, profile));
  weights::Range const index{.offset = index_at, .bytes = header.index_bytes};
  index_ = index;
  payload_at_ = index_at + header.index_bytes;
  before_ = Block();
  next_ = 0;
  // Once through the index, so that no block is made of a patch that cannot be whole.
  TRY_VOID(skip_to(block_count_));
  if (index_.bytes > 0 || payload_at_ != patch_bytes || new_offset() != header_.new_bytes)
    return corrupt("blocks that do not add up to the patch");
  index_ = index;
  payload_at_ = index_at + header.index_bytes;
  before_ = Block();
  next_ = 0;
  return {};
}

auto StreamApplier::check_old(ByteSource& old_file, uint64_t old_bytes) -> Result<> {
  DigestSink sink;
  if (old_bytes == header_.old_bytes) {
    TRY_VOID(copy(old_file, 0, old_bytes, sink));
    if (sink.digest.finish() == header_.old_sha256) return {};
  }
  return conflict("the patch was made for another old file");
}

auto StreamApplier::read_entry(Block& block, uint64_t& payload_bytes) -> Result<> {
  std::array<uint8_t, kIndexEntryBytesMax> bytes;
  auto const entry_bytes = std::span(bytes).first(std::min<uint64_t>(index_.bytes, bytes.size()));
  TRY_VOID(patch_->read(index_.offset, entry_bytes));
  Reader reader(entry_bytes);
  TRY(IndexEntry const entry, proto::read_entry(reader, header_, before_));
  if (entry.payload_bytes > patch_bytes_ - payload_at_) return corrupt("a patch that is cut off");
  index_.offset += reader.offset();
  index_.bytes -= reader.offset();
  block = entry.block;
  payload_bytes = entry.payload_bytes;
  return {};
}

auto StreamApplier::skip_to(uint32_t block) -> Result<> {
  if (block < next_ || block > block_count_) return invalid("no such block");
  for (; next_ < block; ++next_) {
    uint64_t payload_bytes = 0;
    TRY_VOID(read_entry(before_, payload_bytes));
    payload_at_ += payload_bytes;
  }
  return {};
}

auto StreamApplier::make_next(ByteSource& old_file, ByteSink& sink) -> Result<> {
  if (next_ >= block_count_) return invalid("no such block");
  Block block;
  uint64_t payload_bytes = 0;
  TRY_VOID(read_entry(block, payload_bytes));
  CheckingSink checking(sink);
  if (block.operation == BlockOperation::copy) {
    TRY_VOID(copy(old_file, block.old_offset, block.new_bytes, checking));
  } else {
    TRY_VOID(decoder_->decode({.sections = sections_,
                               .payload = {.offset = payload_at_, .bytes = payload_bytes},
                               .described = block.operation == BlockOperation::described,
                               .old_offset = block.old_offset,
                               .old_bytes = header_.old_bytes,
                               .new_bytes = block.new_bytes},
                              old_file, *patch_, checking));
  }
  if (checking.check() != block.check) return corrupt("its bytes do not have the expected hash");
  before_ = block;
  payload_at_ += payload_bytes;
  ++next_;
  return {};
}

}  // namespace godwit::proto
