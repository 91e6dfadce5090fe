#include "compiler/read/flexbuffer.h"

#include <bit>
#include <optional>

namespace godwit::compiler {

namespace {

constexpr size_t kEntriesMax = 256;

enum class Kind : uint8_t { integer = 1, unsigned_integer = 2, real = 3, map = 9, boolean = 26 };
constexpr uint8_t kIndirect = 5;  // from a number to one that lies elsewhere

class MapReader {
 public:
  explicit MapReader(ByteView bytes) : bytes_(bytes) {}

  auto read() const -> Result<std::map<std::string, double>> {
    if (bytes_.size() < 3) return corrupt("too short");
    auto const width = size_t{bytes_.back()};
    auto const type = bytes_[bytes_.size() - 2];
    if (static_cast<Kind>(type >> 2) != Kind::map) return corrupt("holds no map");
    if (width + 2 > bytes_.size()) return corrupt("ends too early");
    TRY(auto const values, follow(bytes_.size() - 2 - width, width));
    return read_map(values, size_t{1} << (type & 3));
  }

 private:
  auto number(size_t at, size_t width) const -> Result<uint64_t> {
    if (width != 1 && width != 2 && width != 4 && width != 8) return corrupt("has an odd width");
    if (at > bytes_.size() || width > bytes_.size() - at) return corrupt("leads past its end");
    uint64_t value = 0;
    for (size_t i = width; i-- > 0;) value = value << 8 | bytes_[at + i];
    return value;
  }
  /// Offsets lead backwards.
  auto follow(size_t at, size_t width) const -> Result<size_t> {
    TRY(auto const offset, number(at, width));
    if (offset > at) return corrupt("leads before its beginning");
    return at - static_cast<size_t>(offset);
  }

  auto read_map(size_t values, size_t width) const -> Result<std::map<std::string, double>> {
    if (values < 3 * width) return corrupt("leads before its beginning");
    TRY(auto const count, number(values - width, width));
    TRY(auto const key_width, number(values - 2 * width, width));
    TRY(auto const keys, follow(values - 3 * width, width));
    if (count > kEntriesMax) return corrupt("has too many entries");
    std::map<std::string, double> out;
    for (size_t i = 0; i < count; ++i) {
      TRY(auto const key,
          follow(keys + i * static_cast<size_t>(key_width), static_cast<size_t>(key_width)));
      TRY(auto const type, number(values + static_cast<size_t>(count) * width + i, 1));
      TRY(auto const value, read_number(values + i * width, width, static_cast<uint8_t>(type)));
      if (value) out[name(key)] = *value;
    }
    return out;
  }

  auto name(size_t at) const -> std::string {
    std::string text;
    for (; at < bytes_.size() && bytes_[at] != 0; ++at) text += static_cast<char>(bytes_[at]);
    return text;
  }

  auto read_number(size_t at, size_t width, uint8_t type) const -> Result<std::optional<double>> {
    auto kind = static_cast<uint8_t>(type >> 2);
    if (kind > kIndirect && kind <= kIndirect + 3) {
      TRY(at, follow(at, width));
      width = size_t{1} << (type & 3);
      kind = static_cast<uint8_t>(kind - kIndirect);
    }
    TRY(auto const bits, number(at, width));
    return as_number(static_cast<Kind>(kind), bits, width);
  }

  static auto as_number(Kind kind, uint64_t bits, size_t width) -> std::optional<double> {
    auto const unused = 64 - 8 * width;
    switch (kind) {
      case Kind::integer:
        return static_cast<double>(static_cast<int64_t>(bits << unused) >> unused);
      case Kind::unsigned_integer:
      case Kind::boolean:
        return static_cast<double>(bits);
      case Kind::real:
        if (width == 8) return std::bit_cast<double>(bits);
        if (width == 4)
          return static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(bits)));
        break;
      case Kind::map:
        break;
    }
    return std::nullopt;
  }

  ByteView bytes_;
};

}  // namespace

auto read_flexbuffer_numbers(ByteView bytes) -> Result<std::map<std::string, double>> {
  return MapReader(bytes).read().within("custom options");
}

}  // namespace godwit::compiler
