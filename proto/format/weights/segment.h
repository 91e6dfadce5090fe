// A `weights` block is a list of segments (docs/format-delta.md, "Weights blocks"): each makes some
// bytes of the new file, says how, and carries its coded bytes behind its description.
#pragma once

#include "proto/format/byte_source.h"

namespace godwit::proto::weights {

/// Before coded descriptions: how many bytes they are.
constexpr size_t kDescriptionsHeadBytes = 3;

enum class SegmentKind : uint8_t {
  copy = 0,    // bytes of the old file
  bytes = 1,   // any bytes, by instructions over the old file
  tensor = 2,  // rows of a matrix of weights
};

/// How the elements of a tensor are stored, little-endian. int4: two to a byte, low half first.
enum class Element : uint8_t {
  int8 = 0,
  uint8 = 1,
  int4 = 2,
  int16 = 3,
  int32 = 4,
  fp16 = 5,
  bf16 = 6,
  fp32 = 7,
};
constexpr uint8_t kElementLast = 7;
auto element_bits(Element element) -> uint32_t;
/// Codes themselves, all others are numbers.
inline auto is_narrow(Element element) -> bool {
  return element <= Element::int4;
}

/// Of int8 alone: which channels have a largest weight of 127 or -127.
enum class Peaks : uint8_t { none = 0, rows = 1, columns = 2 };
constexpr uint8_t kPeaksLast = 2;

struct Segment {
  SegmentKind kind = SegmentKind::copy;
  uint32_t bytes = 0;       // that it makes
  uint64_t old_offset = 0;  // where reading the old file starts
  uint32_t coded_bytes = 0;
  bool tabled = false;  // by tables of its own instead of what was seen

  // Of a tensor:
  Element element = Element::int8;
  bool from_old = false;  // predicted from the old file
  bool scaled = false;    // each row of it by a factor of its own
  bool ranked = false;    // and moved by a product of factors
  bool wide = false;      // int8: by length in bits instead of unary; numbers: by finer tables
  uint32_t rows = 0;
  uint32_t cols = 0;
  uint32_t factor = 0;  // which of the factors

  // Of a tensor of 16- or 32-bit numbers that is described further, since version 2:
  // (int8 since version 3).
  bool further = false;   // floats alone are coded by magnitude, int8 by AloneModel
  uint32_t trailing = 0;  // so many of their lowest bits are always zero
  uint32_t codebook = 0;  // so many values follow the description, of which they are codes; or 0
  Peaks peaks = Peaks::none;
  uint32_t back = 0;    // of float32: products of those so many numbers before; or 0
  uint32_t times = 0;   // and of this float32
  bool halves = false;  // float32 are coded as halves, times a factor of the row; since version 4
  bool waves = false;   // of float32: rows of a windowed Fourier basis, since version 4
  bool rising = false;  // whose sines rise
  uint32_t first_wave = 0;  // and of which this is the first row
  uint32_t cosines = 0;     // before the sines

  auto row_bytes() const -> uint32_t { return bytes / rows; }
  /// Coded by ResidualModel or AloneModel: codes of eight bits at most.
  auto has_codes() const -> bool { return codebook > 0 || is_narrow(element); }
  /// Coded by AloneModel.
  auto is_alone() const -> bool { return further && is_narrow(element); }
  /// Numbers, coded by FineNumbers.
  auto is_fine() const -> bool { return wide && kind == SegmentKind::tensor && !has_codes(); }
  auto operator==(Segment const&) const -> bool = default;
};

/// Reads the description of the next segment; `corrupt` unless it makes at most `left` bytes and
/// lies inside the old file. `expected` is where the segment before stopped reading the old file.
auto read_segment(BufferedReader& reader, uint64_t expected, uint64_t old_bytes, uint32_t left)
    -> Result<Segment>;
/// Holds a description that was decoded to sense, and works out how many bytes it makes.
auto settle(Segment& segment, uint64_t old_bytes, uint32_t left) -> Result<>;
void write_segment(Writer& writer, uint64_t expected, Segment const& segment);
/// Where the segment stops reading the old file.
auto old_end(Segment const& segment) -> uint64_t;

}  // namespace godwit::proto::weights
