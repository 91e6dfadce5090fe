#include "server/http/range.h"

#include <gtest/gtest.h>

namespace godwit::server {
namespace {

using Kind = ByteRange::Kind;

TEST(Range, EveryForm) {
  struct Case {
    char const* range;
    uint64_t size;
    Kind kind;
    uint64_t offset;
    uint64_t length;
  };
  Case const cases[] = {
      {"", 100, Kind::whole, 0, 100},
      {"bytes=0-0", 100, Kind::part, 0, 1},
      {"bytes=10-19", 100, Kind::part, 10, 10},
      {"bytes=10-", 100, Kind::part, 10, 90},
      {"bytes=-10", 100, Kind::part, 90, 10},
      {"bytes=-1000", 100, Kind::part, 0, 100},
      {"bytes=90-1000", 100, Kind::part, 90, 10},
      {"bytes=99-99", 100, Kind::part, 99, 1},
      {"bytes=100-", 100, Kind::unsatisfiable, 0, 0},
      {"bytes=100-200", 100, Kind::unsatisfiable, 0, 0},
      {"bytes=-0", 100, Kind::unsatisfiable, 0, 0},
      {"bytes=99999999999999999999-", 100, Kind::unsatisfiable, 0, 0},
      {"bytes=0-99999999999999999999", 100, Kind::part, 0, 100},
      {"bytes=0-", 0, Kind::unsatisfiable, 0, 0},
      {"bytes=-5", 0, Kind::unsatisfiable, 0, 0},
      // What cannot be understood, and several ranges, give the whole.
      {"bytes=20-10", 100, Kind::whole, 0, 100},
      {"bytes=", 100, Kind::whole, 0, 100},
      {"bytes=-", 100, Kind::whole, 0, 100},
      {"bytes=a-b", 100, Kind::whole, 0, 100},
      {"bytes=1-b", 100, Kind::whole, 0, 100},
      {"bytes=+1-2", 100, Kind::whole, 0, 100},
      {"bytes=0-1,5-6", 100, Kind::whole, 0, 100},
      {"items=0-1", 100, Kind::whole, 0, 100},
      {"0-1", 100, Kind::whole, 0, 100},
  };
  for (auto const& one : cases) {
    auto const range = choose_range(one.range, "", "\"tag\"", one.size);
    EXPECT_EQ(range.kind, one.kind) << one.range;
    EXPECT_EQ(range.offset, one.offset) << one.range;
    EXPECT_EQ(range.length, one.length) << one.range;
  }
}

TEST(Range, IfRangeNeedsTheSameTag) {
  EXPECT_EQ(choose_range("bytes=0-1", "\"tag\"", "\"tag\"", 9).kind, Kind::part);
  EXPECT_EQ(choose_range("bytes=0-1", "\"old\"", "\"tag\"", 9).kind, Kind::whole);
  EXPECT_EQ(choose_range("bytes=0-1", "W/\"tag\"", "\"tag\"", 9).kind, Kind::whole);
  EXPECT_EQ(choose_range("bytes=0-1", "Tue, 24 Nov 2026 08:00:00 GMT", "\"tag\"", 9).kind,
            Kind::whole);
}

TEST(EntityTags, AreFoundInLists) {
  EXPECT_TRUE(etag_listed("*", "\"a\""));
  EXPECT_TRUE(etag_listed("\"b\", \"a\"", "\"a\""));
  EXPECT_FALSE(etag_listed("\"b\", \"ab\"", "\"a\""));
  EXPECT_FALSE(etag_listed("W/\"a\"", "\"a\""));
  EXPECT_FALSE(etag_listed("", "\"a\""));
}

}  // namespace
}  // namespace godwit::server
