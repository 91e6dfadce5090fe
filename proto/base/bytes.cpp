#include "proto/base/bytes.h"

#include <algorithm>

namespace godwit {

template <typename T>
auto Reader::little() -> Result<T> {
  if (left() < sizeof(T)) return corrupt("unexpected end of data");
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i)
    value = static_cast<T>(value | static_cast<T>(static_cast<T>(bytes_[offset_ + i]) << (8 * i)));
  offset_ += sizeof(T);
  return value;
}

auto Reader::u8() -> Result<uint8_t> {
  return little<uint8_t>();
}
auto Reader::u16() -> Result<uint16_t> {
  return little<uint16_t>();
}
auto Reader::u32() -> Result<uint32_t> {
  return little<uint32_t>();
}
auto Reader::u64() -> Result<uint64_t> {
  return little<uint64_t>();
}

auto Reader::bytes(uint64_t count) -> Result<ByteView> {
  if (left() < count) return corrupt("unexpected end of data");
  auto view = bytes_.subspan(offset_, static_cast<size_t>(count));
  offset_ += static_cast<size_t>(count);
  return view;
}

auto Reader::skip(uint64_t count) -> Result<> {
  TRY_VOID(bytes(count));
  return {};
}

auto Reader::seek(uint64_t offset) -> Result<> {
  if (offset > bytes_.size()) return corrupt("offset past the end of data");
  offset_ = static_cast<size_t>(offset);
  return {};
}

void Writer::set_u32(size_t offset, uint32_t value) {
  CHECK(offset + 4 <= bytes_.size());
  for (size_t i = 0; i < 4; ++i) bytes_[offset + i] = static_cast<uint8_t>(value >> (8 * i));
}

auto to_hex(ByteView bytes) -> std::string {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

namespace {

auto nibble(char c) -> int {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

auto from_hex(std::string_view text) -> Result<Bytes> {
  if (text.size() % 2) return invalid("hexadecimal text of odd length");
  Bytes out;
  out.reserve(text.size() / 2);
  for (size_t i = 0; i < text.size(); i += 2) {
    int const high = nibble(text[i]);
    int const low = nibble(text[i + 1]);
    if (high < 0 || low < 0) return invalid("not a hexadecimal digit");
    out.push_back(static_cast<uint8_t>(high << 4 | low));
  }
  return out;
}

auto to_base64(ByteView bytes) -> std::string {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    size_t const have = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (k < have ? bytes[i + k] : 0u);
    for (size_t k = 0; k < 4; ++k) out += k <= have ? kBase64[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

auto from_base64(std::string_view text) -> Result<Bytes> {
  if (text.size() % 4) return invalid("base64 text of a length that is not a multiple of 4");
  Bytes out;
  out.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    bool const last = i + 4 == text.size();
    size_t padding = 0;
    uint32_t group = 0;
    for (size_t k = 0; k < 4; ++k) {
      char const c = text[i + k];
      if (c == '=' && last && k >= 2) {
        ++padding;
        group <<= 6;
        continue;
      }
      size_t const digit = kBase64.find(c);
      if (digit == std::string_view::npos || padding) return invalid("not base64");
      group = group << 6 | static_cast<uint32_t>(digit);
    }
    if (padding && (group & ((1u << (8 * padding)) - 1))) return invalid("base64 with stray bits");
    for (size_t k = 0; k + padding < 3; ++k)
      out.push_back(static_cast<uint8_t>(group >> (16 - 8 * k)));
  }
  return out;
}

auto Sha256::parse(std::string_view hex) -> Result<Sha256> {
  if (hex.size() != 64) return invalid("a SHA-256 has 64 hexadecimal digits");
  TRY(auto bytes, from_hex(hex));
  Sha256 digest;
  std::copy(bytes.begin(), bytes.end(), digest.bytes.begin());
  return digest;
}

}  // namespace godwit
