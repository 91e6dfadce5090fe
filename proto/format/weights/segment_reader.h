// The descriptions of a block's segments, one after the other: either each before its coded bytes,
// or all of them coded, before all coded bytes (docs/format-delta.md, "Described blocks").
#pragma once

#include "proto/format/weights/binary_decoder.h"
#include "proto/format/weights/decoder.h"
#include "proto/format/weights/description.h"

namespace godwit::proto::weights {

class SegmentReader {
 public:
  /// `model` is memory for what describing learns.
  SegmentReader(BlockTask const& task, ByteSource& patch, DescriptionModel& model);

  /// Whether the block is not yet made.
  auto more() const -> bool { return left_ > 0; }
  /// The next segment, whose coded bytes `payload()` is at.
  auto next() -> Result<Segment>;
  auto payload() -> BufferedReader& { return payload_; }
  /// `corrupt` unless the descriptions and the payload end here.
  auto finish() const -> Result<>;

 private:
  /// Descriptions are few: the stack of small devices is smaller.
  using Described = BasicBufferedReader<64>;

  static auto described_range(BlockTask const& task, ByteSource& patch) -> Range;
  auto read() -> Result<Segment>;

  DescriptionModel& model_;
  bool described_;
  Range descriptions_;
  Described described_bytes_;
  BasicBinaryDecoder<Described> coder_;
  BufferedReader payload_;
  uint64_t expected_;
  uint64_t old_bytes_;
  uint32_t left_;
};

}  // namespace godwit::proto::weights
