#include "proto/base/time.h"

#include <gtest/gtest.h>

namespace godwit {
namespace {

TEST(Time, BothWays) {
  struct {
    char const* text;
    int64_t unix_s;
  } const cases[] = {{"1970-01-01T00:00:00Z", 0},
                     {"2000-02-29T12:34:56Z", 951827696},
                     {"2038-01-19T03:14:08Z", 2147483648},
                     {"9999-12-31T23:59:59Z", 253402300799}};
  for (auto const& [text, unix_s] : cases) {
    EXPECT_EQ(format_time(unix_s), text);
    EXPECT_EQ(*parse_time(text), unix_s);
  }
  EXPECT_EQ(format_time(-1), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_time(INT64_MAX), "9999-12-31T23:59:59Z");
}

TEST(Time, RefusesWhatIsNoTime) {
  for (auto const* wrong : {"", "2026-01-31", "2026-01-31T23:59:59", "2026-01-31t23:59:59z",
                            "2026-01-31T23:59:59.5Z", "2026-01-31T23:59:59+00:00",
                            "2026-02-29T00:00:00Z", "2026-00-01T00:00:00Z", "2026-13-01T00:00:00Z",
                            "2026-01-31T24:00:00Z", "2026-01-31T23:60:00Z", "2026-01-31T23:59:60Z",
                            "1969-12-31T23:59:59Z", "2026-01-31T2a:59:59Z", "-026-01-31T23:59:59Z"})
    EXPECT_FALSE(parse_time(wrong)) << wrong;
}

}  // namespace
}  // namespace godwit
