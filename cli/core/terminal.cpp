#include "cli/core/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace godwit::cli {
namespace {

auto is_set(char const* name) -> bool {
  char const* value = std::getenv(name);
  return value && *value;
}

/// The length of the UTF-8 sequence at the start of `text`, 0 if there is none that is well formed.
auto sequence_length(std::string_view text) -> size_t {
  auto const byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  auto const first = byte(0);
  size_t length = 0;
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) length = 2;
  if (first >= 0xe0 && first <= 0xef) length = 3;
  if (first >= 0xf0 && first <= 0xf4) length = 4;
  if (!length || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  if (first == 0xe0 && byte(1) < 0xa0) return 0;
  if (first == 0xed && byte(1) > 0x9f) return 0;
  if (first == 0xf0 && byte(1) < 0x90) return 0;
  if (first == 0xf4 && byte(1) > 0x8f) return 0;
  return length;
}

/// U+0080 to U+009F are control characters too, U+202A.. and U+2066.. turn the direction of text.
auto is_control(std::string_view sequence) -> bool {
  auto const byte = [&](size_t i) { return static_cast<unsigned char>(sequence[i]); };
  if (sequence.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7f;
  if (sequence.size() == 2) return byte(0) == 0xc2 && byte(1) < 0xa0;
  if (sequence.size() == 3 && byte(0) == 0xe2) {
    if (byte(1) == 0x80) return byte(2) >= 0xa8 && byte(2) <= 0xae;
    if (byte(1) == 0x81) return byte(2) >= 0xa6 && byte(2) <= 0xa9;
  }
  return false;
}

}  // namespace

auto stdin_is_terminal() -> bool {
  return isatty(STDIN_FILENO) == 1;
}

auto stdout_is_terminal() -> bool {
  return isatty(STDOUT_FILENO) == 1;
}

auto stderr_is_terminal() -> bool {
  return ::isatty(STDERR_FILENO) == 1;
}

auto terminal_size() -> TerminalSize {
  winsize size = {};
  TerminalSize result;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row)
    result = {size.ws_col, size.ws_row};
  return result;
}

auto use_color(Context const& context) -> bool {
  if (context.no_color || is_set("NO_COLOR")) return false;
  if (is_set("CLICOLOR_FORCE") && std::strcmp(std::getenv("CLICOLOR_FORCE"), "0") != 0) return true;
  char const* terminal = std::getenv("TERM");
  if (terminal && std::strcmp(terminal, "dumb") == 0) return false;
  return stdout_is_terminal();
}

auto printable(std::string_view text, bool lines) -> std::string {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    size_t const length = sequence_length(text);
    auto const sequence = text.substr(0, length ? length : 1);
    if (lines && sequence == "\n")
      out += '\n';
    else if (!length || is_control(sequence))
      out += '?';
    else
      out += sequence;
    text.remove_prefix(sequence.size());
  }
  return out;
}

auto shortened(std::string const& text, size_t columns_max) -> std::string {
  if (display_width(text) <= columns_max) return text;
  if (columns_max == 0) return "";
  std::string out;
  size_t used = 0;
  for (char c : text) {
    bool const starts = (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    if (starts && ++used == columns_max) break;
    out += c;
  }
  return out + "…";
}

auto display_width(std::string_view text) -> size_t {
  size_t width = 0;
  for (char c : text)
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) ++width;
  return width;
}

}  // namespace godwit::cli
