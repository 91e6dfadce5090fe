#include "cli/core/format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <map>

namespace godwit::cli {
namespace {

auto number(char const* format, double value, char const* unit) -> std::string {
  char text[40];
  std::snprintf(text, sizeof text, format, value);
  return std::string(text) + " " + unit;
}

/// A field of digits at `text[from, from + size)`.
auto digits(std::string_view text, size_t from, size_t size) -> std::optional<int> {
  int value = 0;
  auto const* end = text.data() + from + size;
  auto const [stop, error] = std::from_chars(text.data() + from, end, value);
  if (error != std::errc() || stop != end || value < 0) return std::nullopt;
  return value;
}

}  // namespace

auto format_bytes(int64_t bytes) -> std::string {
  if (bytes < 1000) return std::to_string(bytes) + " B";
  constexpr std::array kUnits = {"kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  for (; value >= 999.95 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  return number("%.1f", value, kUnits[unit]);
}

auto format_us(int64_t microseconds) -> std::string {
  if (microseconds < 1000) return std::to_string(microseconds) + " us";
  auto const value = static_cast<double>(microseconds);
  if (microseconds < 1'000'000) return number("%.1f", value / 1e3, "ms");
  return number("%.2f", value / 1e6, "s");
}

auto format_share(double share) -> std::string {
  return number("%.2f", share * 100, "%");
}

auto format_duration(int64_t seconds) -> std::string {
  if (seconds < 60) return std::to_string(seconds < 0 ? 0 : seconds) + "s";
  if (seconds < 3600) return std::to_string(seconds / 60) + "m";
  if (seconds < 86400) {
    auto const minutes = seconds / 60 % 60;
    auto const hours = std::to_string(seconds / 3600) + "h";
    return minutes ? hours + std::to_string(minutes) + "m" : hours;
  }
  return std::to_string(seconds / 86400) + "d";
}

auto format_age(std::string_view time, int64_t now_s) -> std::string {
  auto const then = parse_time(time);
  return then ? format_duration(now_s - *then) + " ago" : std::string(time);
}

auto parse_time(std::string_view text) -> std::optional<int64_t> {
  constexpr std::string_view kShape = "0000-00-00T00:00:00";
  if (text.size() <= kShape.size()) return std::nullopt;
  for (size_t i = 0; i < kShape.size(); ++i)
    if (kShape[i] != '0' && text[i] != kShape[i]) return std::nullopt;
  auto rest = text.substr(kShape.size());
  if (rest.starts_with('.'))
    rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of("0123456789", 1)));
  if (rest != "Z" && rest != "+00:00") return std::nullopt;
  constexpr std::array<std::array<size_t, 2>, 6> kFields = {
      {{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}}};
  std::array<int, 6> values = {};
  for (size_t i = 0; i < kFields.size(); ++i) {
    auto const value = digits(text, kFields[i][0], kFields[i][1]);
    if (!value) return std::nullopt;
    values[i] = *value;
  }
  std::tm parts = {};
  parts.tm_year = values[0] - 1900;
  parts.tm_mon = values[1] - 1;
  parts.tm_mday = values[2];
  parts.tm_hour = values[3];
  parts.tm_min = values[4];
  parts.tm_sec = values[5];
  return timegm(&parts);
}

auto parse_duration(std::string_view text) -> Result<int64_t> {
  auto const wrong = [&] {
    return invalid("'" + std::string(text) + "' is not a time such as 90s, 15m, 2h or 1d");
  };
  int32_t count = 0;
  auto const* end = text.data() + text.size();
  auto const [stop, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc() || count < 0) return wrong();
  std::string_view const unit(stop, static_cast<size_t>(end - stop));
  if (unit.empty() || unit == "s") return int64_t{count};
  if (unit == "m") return int64_t{count} * 60;
  if (unit == "h") return int64_t{count} * 3600;
  if (unit == "d") return int64_t{count} * 86400;
  return wrong();
}

auto state_cell(std::string_view state) -> Cell {
  struct Look {
    char const* glyph;
    Style style;
  };
  static std::map<std::string_view, Look> const looks = {
      {"succeeded", {"✔", Style::good}},   {"ready", {"✔", Style::good}},
      {"failed", {"✘", Style::bad}},       {"rejected", {"✘", Style::bad}},
      {"timed_out", {"✘", Style::bad}},    {"rolled_back", {"↩", Style::bad}},
      {"rolling_back", {"↩", Style::bad}}, {"cancelled", {"⊘", Style::faint}},
      {"queued", {"·", Style::faint}},     {"pending", {"·", Style::faint}},
      {"draft", {"·", Style::faint}},      {"scheduled", {"·", Style::faint}},
      {"paused", {"‖", Style::active}},    {"awaiting_approval", {"‖", Style::active}},
      {"deferred", {"‖", Style::active}},
  };
  auto const found = looks.find(state);
  auto const look = found == looks.end() ? Look{"◌", Style::active} : found->second;
  return {std::string(state), look.style, look.glyph};
}

}  // namespace godwit::cli
