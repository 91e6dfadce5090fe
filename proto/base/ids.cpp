#include "proto/base/ids.h"

#include <algorithm>
#include <charconv>
#include <compare>

namespace godwit {
namespace {

auto lower_or_digit(char c) -> bool {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
auto alnum(char c) -> bool {
  return lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

/// A decimal number without leading zeros that fits 31 bits.
auto number(std::string_view text, uint32_t& value) -> bool {
  if (text.empty() || text.size() > 10 || (text.size() > 1 && text[0] == '0')) return false;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failed == std::errc() && end == text.data() + text.size() && value <= 0x7fffffff;
}

auto digits(std::string_view text) -> bool {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Takes what lies before the next dot.
auto next_part(std::string_view& rest) -> std::string_view {
  size_t const dot = rest.find('.');
  auto part = rest.substr(0, dot);
  rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
  return part;
}

auto valid_prerelease(std::string_view text) -> bool {
  if (text.empty() || text.back() == '.') return false;
  while (!text.empty()) {
    auto part = next_part(text);
    if (part.empty()) return false;
    if (!std::all_of(part.begin(), part.end(), [](char c) { return alnum(c) || c == '-'; }))
      return false;
    if (digits(part) && part.size() > 1 && part[0] == '0') return false;
  }
  return true;
}

auto compare_parts(std::string_view a, std::string_view b) -> std::strong_ordering {
  bool const a_number = digits(a);
  bool const b_number = digits(b);
  if (a_number != b_number)
    return a_number ? std::strong_ordering::less : std::strong_ordering::greater;
  if (a_number && a.size() != b.size()) return a.size() <=> b.size();
  return a.compare(b) <=> 0;
}

auto compare_prerelease(std::string_view a, std::string_view b) -> std::strong_ordering {
  if (a.empty() || b.empty())
    return b.size() <=> a.size() == 0 ? std::strong_ordering::equal
           : a.empty()                ? std::strong_ordering::greater
                                      : std::strong_ordering::less;
  while (!a.empty() && !b.empty()) {
    auto const order = compare_parts(next_part(a), next_part(b));
    if (order != 0) return order;
  }
  return a.size() <=> b.size();
}

}  // namespace

auto DeviceId::parse(std::string_view text) -> Result<DeviceId> {
  bool const good = std::all_of(text.begin(), text.end(),
                                [](char c) { return alnum(c) || c == '_' || c == '-'; });
  if (!good || text.empty() || text.size() > 64)
    return invalid("a device id has 1 to 64 characters of A-Z a-z 0-9 _ -");
  return DeviceId(std::string(text));
}

auto ModelName::parse(std::string_view text) -> Result<ModelName> {
  bool const good = std::all_of(text.begin(), text.end(),
                                [](char c) { return lower_or_digit(c) || c == '_' || c == '-'; });
  if (!good || text.empty() || text.size() > 64 || !lower_or_digit(text[0]))
    return invalid(
        "a model name has 1 to 64 characters of a-z 0-9 _ - and begins with a letter or digit");
  return ModelName(std::string(text));
}

auto Version::parse(std::string_view text) -> Result<Version> {
  auto const wrong = [&] {
    return invalid("not a semantic version (MAJOR.MINOR.PATCH[-PRERELEASE]): " +
                   std::string(text.substr(0, 64)));
  };
  if (text.size() > 64) return wrong();
  Version version;
  version.text_ = text;
  size_t const dash = text.find('-');
  if (dash != std::string_view::npos) {
    version.prerelease_ = text.substr(dash + 1);
    if (!valid_prerelease(version.prerelease_)) return wrong();
  }
  auto rest = text.substr(0, dash);
  if (std::count(rest.begin(), rest.end(), '.') != 2) return wrong();
  for (auto& value : version.core_)
    if (!number(next_part(rest), value)) return wrong();
  return version;
}

auto operator<=>(Version const& a, Version const& b) -> std::strong_ordering {
  for (int i = 0; i < 3; ++i)
    if (a.core_[i] != b.core_[i]) return a.core_[i] <=> b.core_[i];
  return compare_prerelease(a.prerelease_, b.prerelease_);
}

}  // namespace godwit
