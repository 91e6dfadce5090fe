#include "cli/core/format.h"

#include <gtest/gtest.h>

namespace godwit::cli {
namespace {

TEST(Format, Bytes) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(1000), "1.0 kB");
  EXPECT_EQ(format_bytes(96'432), "96.4 kB");
  EXPECT_EQ(format_bytes(999'949), "999.9 kB");
  EXPECT_EQ(format_bytes(999'951), "1.0 MB");
  EXPECT_EQ(format_bytes(5'000'000'000'000), "5.0 TB");
}

TEST(Format, Times) {
  EXPECT_EQ(format_us(850), "850 us");
  EXPECT_EQ(format_us(18'900), "18.9 ms");
  EXPECT_EQ(format_us(1'250'000), "1.25 s");
  EXPECT_EQ(format_duration(-3), "0s");
  EXPECT_EQ(format_duration(59), "59s");
  EXPECT_EQ(format_duration(3599), "59m");
  EXPECT_EQ(format_duration(3600), "1h");
  EXPECT_EQ(format_duration(4320), "1h12m");
  EXPECT_EQ(format_duration(90'000), "1d");
  EXPECT_EQ(format_age("1970-01-01T00:00:10Z", 25), "15s ago");
  EXPECT_EQ(format_age("soon", 25), "soon");
}

TEST(Format, AccuracyHasTwoDecimals) {
  EXPECT_EQ(format_share(217.0 / 249), "87.15 %");
  EXPECT_EQ(format_share(215.0 / 249), "86.35 %");
  EXPECT_EQ(format_share(219.0 / 249), "87.95 %");
}

TEST(ParseTime, Rfc3339InUtcOnly) {
  EXPECT_EQ(parse_time("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_time("2026-01-02T03:04:05.678Z"), 1767323045);
  EXPECT_EQ(parse_time("2026-01-02T03:04:05+00:00"), 1767323045);
  for (auto const* wrong :
       {"", "-", "2026-01-02", "2026-01-02T03:04:05", "2026-01-02T03:04:05+02:00",
        "2026-01-02T03:04:05.", "2026-01-02T03:04:05.12", "2026x01-02T03:04:05Z",
        "202a-01-02T03:04:05Z", "2026-01-02T03:04:-5Z"})
    EXPECT_EQ(parse_time(wrong), std::nullopt) << wrong;
}

TEST(ParseDuration, UnitsAndRefusals) {
  EXPECT_EQ(*parse_duration("90"), 90);
  EXPECT_EQ(*parse_duration("90s"), 90);
  EXPECT_EQ(*parse_duration("15m"), 900);
  EXPECT_EQ(*parse_duration("2h"), 7200);
  EXPECT_EQ(*parse_duration("1d"), 86400);
  for (auto const* wrong : {"", "s", "-1", "1w", "1.5h", "5 m", "99999999999"})
    EXPECT_FALSE(parse_duration(wrong)) << wrong;
}

TEST(StateCell, EveryStateHasAGlyph) {
  for (auto const* state : {"queued", "trial", "succeeded", "rolled_back", "something new"})
    EXPECT_NE(state_cell(state).glyph, "") << state;
  EXPECT_EQ(state_cell("failed").shown(), "✘ failed");
}

}  // namespace
}  // namespace godwit::cli
