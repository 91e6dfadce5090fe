#include "proto/format/protobuf.h"

namespace godwit::proto::protobuf {

auto read_number(Reader& reader) -> Result<uint64_t> {
  uint64_t value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    TRY(uint8_t const byte, reader.u8());
    if (shift < 64) value |= uint64_t{byte & 0x7fu} << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return corrupt("a number of more than ten bytes");
}

auto Message::next() -> Result<std::optional<Field>> {
  if (reader_.left() == 0) return std::optional<Field>();
  TRY(uint64_t const key, read_number(reader_));
  Field field;
  if (key >> 3 == 0 || key >> 3 > 0x1fffffff) return corrupt("a field of no valid number");
  field.number = static_cast<uint32_t>(key >> 3);
  field.wire = static_cast<Wire>(key & 7);
  switch (field.wire) {
    case Wire::varint: {
      TRY(field.value, read_number(reader_));
      return std::optional(field);
    }
    case Wire::fixed64: {
      TRY(field.value, reader_.u64());
      return std::optional(field);
    }
    case Wire::fixed32: {
      TRY(field.value, reader_.u32());
      return std::optional(field);
    }
    case Wire::bytes: {
      TRY(uint64_t const length, read_number(reader_));
      TRY(field.bytes, reader_.bytes(length));
      return std::optional(field);
    }
  }
  return corrupt("a field of an unknown wire type");
}

}  // namespace godwit::proto::protobuf
