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

TEST(Target, IsUtf8) {
  for (auto const* text : {"/%c3%a9", "/%e2%82%ac", "/%f0%9f%90%a6", "/%ed%9f%bf", "/%f4%8f%bf%bf"})
    EXPECT_TRUE(parse_target(text)) << text;
  for (auto const* text :
       {"/%ff", "/%c3", "/%c3/", "/%c0%af", "/%c1%bf", "/%e0%9f%bf", "/%ed%a0%80", "/%f0%8f%bf%bf",
        "/%f4%90%80%80", "/%f5%80%80%80", "/%80", "/%e2%82", "/a?%ff=1", "/a?x=%fe"})
    EXPECT_FALSE(parse_target(text)) << text;
}

}  // namespace
}  // namespace godwit::server
