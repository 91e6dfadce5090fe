#include "proto/format/weights/segment.h"

#include <algorithm>

#include "proto/format/container.h"
#include "proto/format/varint.h"
#include "proto/format/weights/number_model.h"
#include "proto/format/weights/tensor_rows.h"

namespace godwit::proto::weights {
namespace {

constexpr uint8_t kKindMask = 3;
constexpr uint8_t kFromOld = 1 << 2;
constexpr uint8_t kScaled = 1 << 3;
constexpr uint8_t kRanked = 1 << 4;
constexpr uint8_t kWide = 1 << 5;
constexpr uint8_t kTabled = 1 << 6;
constexpr uint8_t kFurther = 1 << 7;
constexpr uint8_t kHasCodebook = 255;  // in the place of trailing zeros

auto read_number(BufferedReader& reader) -> Result<uint64_t> {
  uint64_t value = 0;
  for (uint32_t shift = 0; shift < 64; shift += 7) {
    uint8_t const byte = reader.next();
    uint64_t const part = byte & 0x7fu;
    if (shift == 63 && part > 1) return corrupt("a number that is too large");
    value |= part << shift;
    if (byte & 0x80) continue;
    if (byte == 0 && shift > 0) return corrupt("a number that is not in its shortest form");
    return value;
  }
  return corrupt("a number that is too long");
}

auto settle_tensor(Segment& segment, uint32_t left) -> Result<> {
  bool const narrow = is_narrow(segment.element);
  bool const integer = segment.element == Element::int16 || segment.element == Element::int32;
  if ((segment.scaled || segment.ranked) && !segment.from_old)
    return corrupt("a prediction from nothing");
  if ((segment.is_fine() && !segment.tabled) ||
      (segment.further && narrow && (segment.from_old || segment.wide || segment.tabled)) ||
      ((segment.scaled || segment.ranked) && integer))
    return corrupt("a mode that this type of element has not");
  if (segment.codebook > 0 && (segment.scaled || segment.ranked || segment.codebook > 256))
    return corrupt("a mode that codes have not");
  if (segment.further && !narrow && segment.codebook == 0 &&
      (segment.trailing >= std::max(form_of(segment.element).mantissa_bits, 1u)))
    return corrupt("a mode that this type of element has not");
  if (segment.back > 0 && (segment.element != Element::fp32 || segment.rows != 1 ||
                           segment.back < segment.cols || segment.from_old || segment.tabled))
    return corrupt("products of other than a list");
  if (segment.halves && (segment.element != Element::fp32 || segment.scaled || segment.ranked ||
                         segment.trailing >= kHalfForm.mantissa_bits))
    return corrupt("halves of other than float32");
  if (segment.waves && (segment.element != Element::fp32 || segment.cols % 4 != 0 ||
                        segment.from_old || segment.tabled))
    return corrupt("waves of other than float32");
  if (static_cast<uint8_t>(segment.peaks) > kPeaksLast) return corrupt("unknown peaks");
  uint64_t const rows = segment.rows;
  uint64_t const cols = segment.cols;
  uint64_t const bits = element_bits(segment.element);
  if (rows == 0 || cols == 0 || cols > uint64_t{left} * 8 / bits || cols * bits % 8 != 0 ||
      rows > left / (cols * bits / 8))
    return corrupt("a tensor of a wrong size");
  if (segment.factor > kBlockBytesMax) return corrupt("factors that the patch does not have");
  segment.bytes = static_cast<uint32_t>(rows * (cols * bits / 8));
  return {};
}

/// Values that make no sense become ones that `settle` refuses.
auto read_u32_number(BufferedReader& reader) -> Result<uint32_t> {
  TRY(uint64_t const value, read_number(reader));
  return static_cast<uint32_t>(std::min<uint64_t>(value, UINT32_MAX));
}

auto read_tensor(BufferedReader& reader, uint8_t head, Segment& segment) -> Result<> {
  uint8_t const element = reader.next();
  if (element > kElementLast) return corrupt("an unknown type of element");
  segment.element = static_cast<Element>(element);
  segment.from_old = head & kFromOld;
  segment.scaled = head & kScaled;
  segment.ranked = head & kRanked;
  segment.wide = head & kWide;
  segment.further = head & kFurther;
  if (segment.further && is_narrow(segment.element))
    return corrupt("a mode that this type of element has not");
  TRY(segment.rows, read_u32_number(reader));
  TRY(segment.cols, read_u32_number(reader));
  if (segment.ranked) {
    TRY(segment.factor, read_u32_number(reader));
  }
  if (!segment.further) return {};
  uint8_t const how = reader.next();
  if (how == kHasCodebook)
    segment.codebook = uint32_t{reader.next()} + 1;
  else
    segment.trailing = how;
  return {};
}

}  // namespace

auto element_bits(Element element) -> uint32_t {
  switch (element) {
    case Element::int4:
      return 4;
    case Element::int8:
    case Element::uint8:
      return 8;
    case Element::int16:
    case Element::fp16:
    case Element::bf16:
      return 16;
    case Element::int32:
    case Element::fp32:
      return 32;
  }
  return 8;
}

auto old_end(Segment const& segment) -> uint64_t {
  bool const reads = segment.kind == SegmentKind::copy || segment.from_old;
  return segment.old_offset + (reads ? segment.bytes : 0);
}

auto read_segment(BufferedReader& reader, uint64_t expected, uint64_t old_bytes, uint32_t left)
    -> Result<Segment> {
  Segment segment;
  uint8_t const head = reader.next();
  if ((head & kKindMask) > static_cast<uint8_t>(SegmentKind::tensor))
    return corrupt("an unknown kind of segment");
  segment.kind = static_cast<SegmentKind>(head & kKindMask);
  segment.tabled = head & kTabled;
  if (segment.kind == SegmentKind::tensor) {
    TRY_VOID(read_tensor(reader, head, segment));
  } else {
    if ((head & ~kTabled) != static_cast<uint8_t>(segment.kind))
      return corrupt("a mode of no tensor");
    TRY(segment.bytes, read_u32_number(reader));
  }
  TRY(uint64_t const distance, read_number(reader));
  // Modulo 2^64 on purpose: whatever the distance is, the result is held against the old file.
  segment.old_offset = expected + static_cast<uint64_t>(unfold(static_cast<uint64_t>(distance)));
  if (segment.kind != SegmentKind::copy) {
    TRY(segment.coded_bytes, read_u32_number(reader));
  }
  TRY_VOID(settle(segment, old_bytes, left));
  if (segment.coded_bytes > reader.left()) return corrupt("a segment longer than its block");
  return segment;
}

auto settle(Segment& segment, uint64_t old_bytes, uint32_t left) -> Result<> {
  if (segment.tabled && segment.kind == SegmentKind::copy) return corrupt("a mode of no copy");
  if (segment.kind == SegmentKind::tensor) TRY_VOID(settle_tensor(segment, left));
  if (segment.bytes == 0 || segment.bytes > left) return corrupt("a segment of a wrong size");
  if (segment.old_offset > old_bytes) return corrupt("a segment starts past the old file");
  if (old_end(segment) - segment.old_offset > old_bytes - segment.old_offset)
    return corrupt("a segment reads past the end of the old file");
  return {};
}

void write_segment(Writer& writer, uint64_t expected, Segment const& segment) {
  bool const tensor = segment.kind == SegmentKind::tensor;
  auto head = static_cast<uint32_t>(segment.kind);
  if (tensor)
    head |= (segment.from_old ? kFromOld : 0u) | (segment.scaled ? kScaled : 0u) |
            (segment.ranked ? kRanked : 0u) | (segment.wide ? kWide : 0u) |
            (segment.further ? kFurther : 0u);
  writer.u8(static_cast<uint8_t>(head | (segment.tabled ? kTabled : 0u)));
  if (tensor) {
    writer.u8(static_cast<uint8_t>(segment.element));
    write_varint(writer, segment.rows);
    write_varint(writer, segment.cols);
    if (segment.ranked) write_varint(writer, segment.factor);
    if (segment.further)
      writer.u8(segment.codebook ? kHasCodebook : static_cast<uint8_t>(segment.trailing));
    if (segment.codebook) writer.u8(static_cast<uint8_t>(segment.codebook - 1));
  } else {
    write_varint(writer, segment.bytes);
  }
  write_zigzag(writer, static_cast<int64_t>(segment.old_offset - expected));
  if (segment.kind != SegmentKind::copy) write_varint(writer, segment.coded_bytes);
}

}  // namespace godwit::proto::weights
