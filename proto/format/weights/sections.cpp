#include "proto/format/weights/sections.h"

namespace godwit::proto::weights {
namespace {

template <size_t kBytes>
auto take(ByteSource& patch, Range& range, std::array<uint8_t, kBytes>& out) -> Result<> {
  if (range.bytes < kBytes) return corrupt("a section that is too short");
  TRY_VOID(patch.read(range.offset, out));
  range.offset += kBytes;
  range.bytes -= kBytes;
  return {};
}

auto little(ByteView bytes) -> uint32_t {
  uint32_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) value |= uint32_t{bytes[i]} << (8 * i);
  return value;
}

}  // namespace

auto read_u32(ByteSource& patch, Range& range) -> Result<uint32_t> {
  std::array<uint8_t, 4> bytes{};
  TRY_VOID(take(patch, range, bytes));
  return little(bytes);
}

auto find_factors(ByteSource& patch, Range const& sections, uint32_t index) -> Result<Range> {
  Range rest = sections;
  while (rest.bytes > 0) {
    std::array<uint8_t, kSectionHeaderBytes> header{};
    TRY_VOID(take(patch, rest, header));
    uint32_t const type = little(ByteView(header).first(2));
    Range const body{.offset = rest.offset, .bytes = little(ByteView(header).subspan(4))};
    if (body.bytes > rest.bytes) return corrupt("a section longer than all sections");
    if (type == kFactorsSection && index-- == 0) return body;
    rest.offset += body.bytes;
    rest.bytes -= body.bytes;
  }
  return corrupt("factors that the patch does not have");
}

auto read_factor_header(ByteSource& patch, Range& factors) -> Result<FactorHeader> {
  std::array<uint8_t, kFactorHeaderBytes> bytes{};
  TRY_VOID(take(patch, factors, bytes));
  FactorHeader const header{
      .cols = little(ByteView(bytes).first(4)), .rank = bytes[4], .fraction_bits = bytes[5]};
  if (header.cols == 0 || header.rank == 0 || header.rank > kRankMax)
    return corrupt("factors of a wrong size");
  return header;
}

}  // namespace godwit::proto::weights
