#include "server/http/target.h"

#include <gtest/gtest.h>

namespace godwit::server {
namespace {

TEST(Target, IsTakenApartAndDecoded) {
  auto const target = parse_target("/api/v1/filters/my%20filter?q=a%3D%3Db;c+d&limit=2&flag");
  ASSERT_TRUE(target) << target.error().what;
  EXPECT_EQ(target->segments, (std::vector<std::string>{"api", "v1", "filters", "my filter"}));
  EXPECT_EQ(target->query.at("q"), "a==b;c d");
  EXPECT_EQ(target->query.at("limit"), "2");
  EXPECT_EQ(target->query.at("flag"), "");
  EXPECT_TRUE(parse_target("/")->segments.empty());
  EXPECT_EQ(parse_target("/a%2Fb")->segments, (std::vector<std::string>{"a/b"}));
}

TEST(Target, TricksAreRefused) {
  for (auto const* text : {"",       "api",        "*",           "http://host/path",
                           "//",     "/a//b",      "/a/",         "/../etc",
                           "/a/./b", "/%2e%2e/a",  "/a%",         "/a%4",
                           "/a%zz",  "/a%00",      "/a%0a",       "/a\x7f",
                           "/a#b",   "/a?x=1&x=2", "/a?x=%0d%0a", "/a?%g0=1"})
    EXPECT_FALSE(parse_target(text)) << text;
}

}  // namespace
}  // namespace godwit::server
