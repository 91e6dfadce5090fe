#include "cli/client/url.h"

#include <gtest/gtest.h>

namespace godwit::cli {
namespace {

TEST(Url, HostAndPort) {
  EXPECT_EQ(*Url::parse("https://ota.example"), (Url{"ota.example", 443}));
  EXPECT_EQ(*Url::parse("https://127.0.0.1:8443/"), (Url{"127.0.0.1", 8443}));
  EXPECT_EQ(*Url::parse("https://[::1]:8443"), (Url{"::1", 8443}));
  EXPECT_EQ(Url::parse("https://[::1]:8443")->str(), "https://[::1]:8443");
  EXPECT_EQ(Url::parse("https://ota.example:443")->str(), "https://ota.example");
}

TEST(Url, NothingElse) {
  for (auto const* wrong :
       {"", "ota.example", "http://ota.example", "https://", "https://:1",
        "https://a:", "https://a:0", "https://a:65536", "https://a:1x", "https://u@a",
        "https://a/b", "https://a?b", "https://a#b", "https://a b", "https://[::1",
        "https://[::1]x", "https://a\r\nX: y", "https://[a/b]"})
    EXPECT_FALSE(Url::parse(wrong)) << wrong;
}

TEST(Escaped, OnlyUnreservedCharactersStay) {
  EXPECT_EQ(escaped("cam-1_a.b~"), "cam-1_a.b~");
  EXPECT_EQ(escaped("../a b?c=ä"), "..%2Fa%20b%3Fc%3D%C3%A4");
}

}  // namespace
}  // namespace godwit::cli
