// Bounded reading of Protocol Buffers messages (protobuf.dev, "Encoding"): fields one after the
// other, every length checked against its message. Knows nothing of any schema.
#pragma once

#include <optional>

#include "proto/base/bytes.h"

namespace godwit::proto::protobuf {

enum class Wire : uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

struct Field {
  uint32_t number = 0;
  Wire wire{};
  uint64_t value = 0;  // of a number
  ByteView bytes;      // of a string, bytes, a message or packed numbers: a view into the file

  auto is_bytes() const -> bool { return wire == Wire::bytes; }
};

/// The fields of one message, in their order. Groups, which nobody writes any more, are refused.
class Message {
 public:
  explicit Message(ByteView bytes) : reader_(bytes) {}

  /// None at the end; `corrupt` when a field is cut off or its number or length is nonsense.
  auto next() -> Result<std::optional<Field>>;

 private:
  Reader reader_;
};

/// Protobuf's variable-length number: like proto/format/varint, but needlessly long forms are
/// allowed.
auto read_number(Reader& reader) -> Result<uint64_t>;

}  // namespace godwit::proto::protobuf
