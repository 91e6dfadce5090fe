#include "server/http/target.h"

#include <algorithm>

#include "proto/base/utf8.h"

namespace godwit::server {
namespace {

auto nibble(char c) -> int {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

auto parse_path(std::string_view path) -> Result<std::vector<std::string>> {
  std::vector<std::string> segments;
  if (path == "/") return segments;
  for (size_t begin = 1; begin <= path.size();) {
    auto const end = std::min(path.find('/', begin), path.size());
    TRY(auto segment, percent_decode(path.substr(begin, end - begin), false));
    if (segment.empty() || segment == "." || segment == "..")
      return invalid("the path has an empty or relative segment");
    segments.push_back(std::move(segment));
    begin = end + 1;
  }
  return segments;
}

}  // namespace

auto percent_decode(std::string_view text, bool plus_is_space) -> Result<std::string> {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      auto const high = i + 2 < text.size() ? nibble(text[i + 1]) : -1;
      auto const low = i + 2 < text.size() ? nibble(text[i + 2]) : -1;
      if (high < 0 || low < 0) return invalid("the target has a broken percent escape");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return invalid("the target has a control character");
    decoded += c;
  }
  // What is no text would come back in answers, which are JSON.
  if (!is_utf8(decoded)) return invalid("the target is not UTF-8");
  return decoded;
}

auto parse_target(std::string_view text) -> Result<Target> {
  if (!text.starts_with('/') || text.find('#') != std::string_view::npos)
    return invalid("the target is not a path");
  auto const question = text.find('?');
  Target target;
  TRY(target.segments, parse_path(text.substr(0, question)));
  if (question == std::string_view::npos) return target;
  for (auto rest = text.substr(question + 1); !rest.empty();) {
    auto const pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    if (pair.empty()) continue;
    auto const equals = pair.find('=');
    TRY(auto name, percent_decode(pair.substr(0, equals), true));
    std::string value;
    if (equals != std::string_view::npos) {
      TRY(value, percent_decode(pair.substr(equals + 1), true));
    }
    if (!target.query.emplace(name, std::move(value)).second)
      return invalid("the parameter '" + name + "' is given twice");
  }
  return target;
}

}  // namespace godwit::server
