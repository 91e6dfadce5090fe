#include "server/http/range.h"

#include <algorithm>
#include <charconv>

namespace godwit::server {
namespace {

auto trimmed(std::string_view text) -> std::string_view {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// A number too large for 64 bits lies past every file: it saturates.
auto digits(std::string_view text) -> std::optional<uint64_t> {
  if (text.empty() ||
      !std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }))
    return std::nullopt;
  uint64_t value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? value : UINT64_MAX;
}

}  // namespace

auto choose_range(std::string_view range, std::string_view if_range, std::string_view etag,
                  uint64_t size) -> ByteRange {
  ByteRange const whole{ByteRange::Kind::whole, 0, size};
  ByteRange const unsatisfiable{ByteRange::Kind::unsatisfiable, 0, 0};
  constexpr std::string_view kUnit = "bytes=";
  if (!range.starts_with(kUnit)) return whole;
  if (!if_range.empty() && trimmed(if_range) != etag) return whole;
  auto const spec = trimmed(range.substr(kUnit.size()));
  auto const dash = spec.find('-');
  if (dash == std::string_view::npos || spec.find(',') != std::string_view::npos) return whole;
  auto const first = digits(spec.substr(0, dash));
  auto const last = digits(spec.substr(dash + 1));
  if (dash == 0) {
    if (!last) return whole;
    if (*last == 0 || size == 0) return unsatisfiable;
    auto const length = std::min(*last, size);
    return {ByteRange::Kind::part, size - length, length};
  }
  if (!first || (!last && dash + 1 != spec.size())) return whole;
  if (last && *last < *first) return whole;
  if (*first >= size) return unsatisfiable;
  auto const end = last ? std::min(*last, size - 1) : size - 1;
  return {ByteRange::Kind::part, *first, end - *first + 1};
}

auto etag_listed(std::string_view list, std::string_view etag) -> bool {
  if (trimmed(list) == "*") return true;
  while (!list.empty()) {
    auto const comma = std::min(list.find(','), list.size());
    if (trimmed(list.substr(0, comma)) == etag) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

}  // namespace godwit::server
