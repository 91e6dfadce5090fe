// Bounded little-endian reading and writing, hexadecimal and base64. Untrusted bytes are read only
// here.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/result.h"

namespace godwit {

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<uint8_t const>;

inline auto as_bytes(std::string_view text) -> ByteView {
  return {reinterpret_cast<uint8_t const*>(text.data()), text.size()};
}
inline auto as_text(ByteView bytes) -> std::string_view {
  return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}
inline auto to_bytes(std::string_view text) -> Bytes {
  return {text.begin(), text.end()};
}

/// Reads little-endian values in order; every read is checked against the end and fails `corrupt`.
class Reader {
 public:
  explicit Reader(ByteView bytes) : bytes_(bytes) {}

  auto u8() -> Result<uint8_t>;
  auto u16() -> Result<uint16_t>;
  auto u32() -> Result<uint32_t>;
  auto u64() -> Result<uint64_t>;
  auto bytes(uint64_t count) -> Result<ByteView>;
  auto skip(uint64_t count) -> Result<>;
  auto seek(uint64_t offset) -> Result<>;

  auto offset() const -> size_t { return offset_; }
  auto left() const -> size_t { return bytes_.size() - offset_; }

 private:
  template <typename T>
  auto little() -> Result<T>;
  ByteView bytes_;
  size_t offset_ = 0;
};

/// Appends little-endian values.
class Writer {
 public:
  void u8(uint8_t value) { bytes_.push_back(value); }
  void u16(uint16_t value) { little(value, 2); }
  void u32(uint32_t value) { little(value, 4); }
  void u64(uint64_t value) { little(value, 8); }
  void bytes(ByteView view) { bytes_.insert(bytes_.end(), view.begin(), view.end()); }
  void pad_to(size_t alignment) {
    while (bytes_.size() % alignment) bytes_.push_back(0);
  }
  /// Overwrites four bytes at an offset that was written before.
  void set_u32(size_t offset, uint32_t value);

  auto size() const -> size_t { return bytes_.size(); }
  auto view() const -> ByteView { return bytes_; }
  auto take() && -> Bytes { return std::move(bytes_); }

 private:
  void little(uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes_.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
  Bytes bytes_;
};

auto to_hex(ByteView bytes) -> std::string;
auto from_hex(std::string_view text) -> Result<Bytes>;
/// RFC 4648 section 4, with padding; decoding accepts nothing else.
auto to_base64(ByteView bytes) -> std::string;
auto from_base64(std::string_view text) -> Result<Bytes>;

/// The value of a SHA-256 (computing one is proto/trust/digest).
struct Sha256 {
  std::array<uint8_t, 32> bytes{};

  static auto parse(std::string_view hex) -> Result<Sha256>;
  auto hex() const -> std::string { return to_hex(bytes); }
  auto operator<=>(Sha256 const&) const = default;
};

}  // namespace godwit
