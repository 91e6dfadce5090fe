#include "proto/format/block_maker.h"

#include <algorithm>

#include "proto/format/splice.h"

namespace godwit::proto {
namespace {

/// Three streams of a block and their heads take no more; what claims to is not read.
constexpr uint64_t kSplicePayloadBytesMax = 4 * uint64_t{kBlockBytesMax};

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

auto BlockMaker::make(Block const& block, BlockPlace const& place, ByteSource& old_file,
                      ByteSource& patch, std::span<uint8_t> out) -> Result<> {
  CHECK(out.size() == block.new_bytes);
  switch (block.operation) {
    case BlockOperation::copy:
      TRY_VOID(old_file.read(block.old_offset, out));
      break;
    case BlockOperation::splice: {
      if (place.payload.bytes > kSplicePayloadBytesMax) return corrupt("a block of too many bytes");
      Bytes payload(static_cast<size_t>(place.payload.bytes));
      TRY_VOID(patch.read(place.payload.offset, payload));
      TRY_VOID(apply_splice(old_file, old_bytes_, block.old_offset, payload, out));
      break;
    }
    case BlockOperation::weights:
    case BlockOperation::described:
      TRY_VOID(make_weights(block, place, old_file, patch, out));
      break;
  }
  if (block.check && block_check(out) != *block.check)
    return corrupt("its bytes do not have the expected hash");
  return {};
}

auto BlockMaker::make_weights(Block const& block, BlockPlace const& place, ByteSource& old_file,
                              ByteSource& patch, std::span<uint8_t> out) -> Result<> {
  if (!decoder_) {
    auto const size = decoder_size(profile_);
    size_t const bytes = weights::decoder_bytes(size);
    memory_ = std::make_unique<std::byte[]>(bytes);
    decoder_ = weights::place_decoder(size, {memory_.get(), bytes});
  }
  SpanSink sink(out);
  TRY_VOID(decoder_->decode({.version = version_,
                             .sections = place.sections,
                             .payload = place.payload,
                             .described = block.operation == BlockOperation::described,
                             .old_offset = block.old_offset,
                             .old_bytes = old_bytes_,
                             .new_bytes = block.new_bytes},
                            old_file, patch, sink));
  CHECK(sink.left() == 0);
  return {};
}

}  // namespace godwit::proto
