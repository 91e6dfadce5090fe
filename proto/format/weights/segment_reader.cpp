#include "proto/format/weights/segment_reader.h"

namespace godwit::proto::weights {

/// Where coded descriptions lie: behind their length. One that is too large reads the
/// end of the payload, and nothing is left for the segments.
auto SegmentReader::described_range(BlockTask const& task, ByteSource& patch) -> Range {
  if (!task.described || task.payload.bytes < kDescriptionsHeadBytes)
    return {.offset = task.payload.offset, .bytes = 0};
  BasicBufferedReader<kDescriptionsHeadBytes> head(patch, task.payload.offset,
                                                   kDescriptionsHeadBytes);
  uint64_t bytes = 0;
  for (size_t i = 0; i < kDescriptionsHeadBytes; ++i) bytes |= uint64_t{head.next()} << (8 * i);
  return {.offset = task.payload.offset + kDescriptionsHeadBytes,
          .bytes = std::min(bytes, task.payload.bytes - kDescriptionsHeadBytes)};
}

SegmentReader::SegmentReader(BlockTask const& task, ByteSource& patch, DescriptionModel& model)
    : model_(model),
      described_(task.described),
      descriptions_(described_range(task, patch)),
      described_bytes_(patch, descriptions_.offset, descriptions_.bytes),
      coder_(described_bytes_, descriptions_.bytes),
      payload_(
          patch, descriptions_.offset + descriptions_.bytes,
          task.payload.offset + task.payload.bytes - descriptions_.offset - descriptions_.bytes),
      expected_(task.old_offset),
      old_bytes_(task.old_bytes),
      left_(task.new_bytes) {
  model_.reset();
}

auto SegmentReader::next() -> Result<Segment> {
  TRY(Segment const segment, read());
  expected_ = old_end(segment);
  left_ -= segment.bytes;
  return segment;
}

auto SegmentReader::read() -> Result<Segment> {
  if (!described_) {
    TRY(Segment const segment, read_segment(payload_, expected_, old_bytes_, left_));
    if (payload_.past_end() > 0) return corrupt("a block that is cut off");
    return segment;
  }
  Segment segment;
  model_.code(coder_, expected_, segment);
  if (described_bytes_.failed()) return corrupt("a block that is cut off");
  if (static_cast<uint8_t>(segment.kind) > static_cast<uint8_t>(SegmentKind::tensor))
    return corrupt("an unknown kind of segment");
  TRY_VOID(settle(segment, old_bytes_, left_));
  if (segment.coded_bytes > payload_.left()) return corrupt("a segment longer than its block");
  return segment;
}

auto SegmentReader::finish() const -> Result<> {
  if (payload_.failed() || payload_.left() > 0 || !coder_.at_end())
    return corrupt("bytes behind the last segment");
  return {};
}

}  // namespace godwit::proto::weights
