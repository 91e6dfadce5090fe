#include "proto/base/time.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace godwit {
namespace {

constexpr int64_t kLast = 253402300799;  // 9999-12-31T23:59:59Z
constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:ddZ";

auto digits(std::string_view text, size_t offset, size_t count) -> int {
  int value = 0;
  for (char c : text.substr(offset, count)) value = value * 10 + (c - '0');
  return value;
}

}  // namespace

auto format_time(int64_t unix_s) -> std::string {
  using namespace std::chrono;
  sys_seconds const time{seconds(std::clamp<int64_t>(unix_s, 0, kLast))};
  auto const day = floor<days>(time);
  year_month_day const date(day);
  hh_mm_ss const clock(time - day);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

auto parse_time(std::string_view text) -> Result<int64_t> {
  using namespace std::chrono;
  auto const wrong = [] { return invalid("not a time of the form 2026-01-31T23:59:59Z"); };
  if (text.size() != kForm.size()) return wrong();
  for (size_t i = 0; i < text.size(); ++i)
    if (kForm[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != kForm[i]) return wrong();
  year_month_day const date(year(digits(text, 0, 4)),
                            month(static_cast<unsigned>(digits(text, 5, 2))),
                            day(static_cast<unsigned>(digits(text, 8, 2))));
  int const hour = digits(text, 11, 2);
  int const minute = digits(text, 14, 2);
  int const second = digits(text, 17, 2);
  if (!date.ok() || date.year() < year(1970) || hour > 23 || minute > 59 || second > 59)
    return wrong();
  return int64_t{sys_days(date).time_since_epoch().count()} * 86400 + hour * 3600 + minute * 60 +
         second;
}

}  // namespace godwit
