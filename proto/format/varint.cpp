#include "proto/format/varint.h"

namespace godwit::proto {

auto read_varint(Reader& reader) -> Result<uint64_t> {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    TRY(uint8_t const byte, reader.u8());
    uint64_t const bits = byte & 0x7f;
    if (bits << shift >> shift != bits) return corrupt("a number of more than 64 bits");
    value |= bits << shift;
    if (byte & 0x80) continue;
    if (byte == 0 && shift > 0) return corrupt("a number that is longer than it need be");
    return value;
  }
  return corrupt("a number of more than 64 bits");
}

auto read_zigzag(Reader& reader) -> Result<int64_t> {
  TRY(uint64_t const coded, read_varint(reader));
  return static_cast<int64_t>(coded >> 1 ^ (~(coded & 1) + 1));
}

void write_varint(Writer& writer, uint64_t value) {
  while (value >= 0x80) {
    writer.u8(static_cast<uint8_t>(value | 0x80));
    value >>= 7;
  }
  writer.u8(static_cast<uint8_t>(value));
}

void write_zigzag(Writer& writer, int64_t value) {
  auto const bits = static_cast<uint64_t>(value);
  write_varint(writer, bits << 1 ^ (value < 0 ? ~uint64_t{0} : 0));
}

}  // namespace godwit::proto
