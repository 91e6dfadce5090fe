#include "proto/base/utf8.h"

#include <cstdint>

namespace godwit {
namespace {

/// How many bytes the character at the beginning has; 0 when there is none.
auto character_bytes(std::string_view text) -> size_t {
  auto const byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  uint8_t const lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  size_t const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  uint8_t const second = byte(1);
  bool const longer = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  bool const none = (lead == 0xed && second > 0x9f) || (lead == 0xf4 && second > 0x8f);
  return longer || none ? 0 : length;
}

}  // namespace

auto is_utf8(std::string_view text) -> bool {
  while (!text.empty()) {
    auto const length = character_bytes(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

auto as_utf8(std::string_view text, size_t bytes_max) -> std::string {
  std::string out;
  while (!text.empty()) {
    auto const length = character_bytes(text);
    auto const character = length ? text.substr(0, length) : std::string_view("?");
    if (out.size() + character.size() > bytes_max) break;
    out += character;
    text.remove_prefix(length ? length : 1);
  }
  return out;
}

}  // namespace godwit
