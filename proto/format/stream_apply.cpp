#include "proto/format/stream_apply.h"

#include <algorithm>
#include <new>

#include "proto/format/small_digest.h"

namespace godwit::proto {
namespace {

constexpr size_t kPieceBytes = 512;

/// Hands on what a block makes and digests it on the way, if there is what to hold it to.
class CheckingSink final : public ByteSink {
 public:
  CheckingSink(ByteSink& sink, std::optional<uint64_t> expected)
      : sink_(sink), expected_(expected) {}
  auto write(ByteView bytes) -> Result<> override {
    if (expected_) digest_.add(bytes);
    return sink_.write(bytes);
  }
  auto holds() -> bool { return !expected_ || first_bytes(digest_.finish()) == *expected_; }

 private:
  ByteSink& sink_;
  std::optional<uint64_t> expected_;
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
  TRY(ContainerHeader header, read_header(patch, patch_bytes, limits));
  Profile const profile = header.container.profile;
  if (profile != Profile::weights_small && profile != Profile::weights_fast)
    return corrupt("a patch that needs more memory");
  decoder_ = weights::place_decoder(decoder_size(profile), decoder_memory_);
  header_ = std::move(header.container);
  patch_ = &patch;
  patch_bytes_ = patch_bytes;
  sections_ = {.offset = header.bytes, .bytes = header.section_bytes};
  TRY_VOID(check_sections(patch, sections_, profile));
  Place const first{
      .entries = {}, .index_at = header.index_at(), .payload_at = header.payloads_at()};
  index_end_ = header.payloads_at();
  place_ = first;
  // Once through the index, so that no block is made of a patch that cannot be whole.
  while (place_.entries.more(header_)) {
    TRY(IndexEntry const entry, read_entry());
    place_.payload_at += entry.payload_bytes;
  }
  TRY_VOID(place_.entries.finish(header, index_end_ - place_.index_at,
                                 patch_bytes_ - place_.payload_at));
  block_count_ = place_.entries.blocks();
  place_ = first;
  return {};
}

auto StreamApplier::check_old(ByteSource& old_file, uint64_t old_bytes) -> Result<> {
  DigestSink sink;
  if (old_bytes == header_.old_bytes) {
    TRY_VOID(copy(old_file, 0, old_bytes, sink));
    if (header_.is_for(sink.digest.finish())) return {};
  }
  return conflict("the patch was made for another old file");
}

auto StreamApplier::read_entry() -> Result<IndexEntry> {
  std::array<uint8_t, kIndexEntryBytesMax> bytes;
  auto const entry_bytes =
      std::span(bytes).first(std::min<uint64_t>(index_end_ - place_.index_at, bytes.size()));
  TRY_VOID(patch_->read(place_.index_at, entry_bytes));
  Reader reader(entry_bytes);
  TRY(IndexEntry const entry, place_.entries.next(reader, header_));
  if (entry.payload_bytes > patch_bytes_ - place_.payload_at)
    return corrupt("a patch that is cut off");
  place_.index_at += reader.offset();
  return entry;
}

auto StreamApplier::skip_to(uint32_t block) -> Result<> {
  if (block < next_block() || block > block_count_) return invalid("no such block");
  while (next_block() < block) {
    TRY(IndexEntry const entry, read_entry());
    place_.payload_at += entry.payload_bytes;
  }
  return {};
}

auto StreamApplier::make_next(ByteSource& old_file, ByteSink& sink) -> Result<> {
  if (next_block() >= block_count_) return invalid("no such block");
  Place const before = place_;
  auto const made = make_entry(old_file, sink);
  if (!made) place_ = before;  // it may be tried again
  return made;
}

auto StreamApplier::make_entry(ByteSource& old_file, ByteSink& sink) -> Result<> {
  TRY(IndexEntry const entry, read_entry());
  Block const& block = entry.block;
  CheckingSink checking(sink, block.check);
  if (block.operation == BlockOperation::copy) {
    TRY_VOID(copy(old_file, block.old_offset, block.new_bytes, checking));
  } else {
    TRY_VOID(
        decoder_->decode({.version = header_.version,
                          .sections = sections_,
                          .payload = {.offset = place_.payload_at, .bytes = entry.payload_bytes},
                          .described = block.operation == BlockOperation::described,
                          .old_offset = block.old_offset,
                          .old_bytes = header_.old_bytes,
                          .new_bytes = block.new_bytes},
                         old_file, *patch_, checking));
  }
  if (!checking.holds()) return corrupt("its bytes do not have the expected hash");
  place_.payload_at += entry.payload_bytes;
  return {};
}

}  // namespace godwit::proto
