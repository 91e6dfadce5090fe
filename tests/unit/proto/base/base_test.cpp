#include <gtest/gtest.h>

#include "proto/base/bytes.h"
#include "proto/base/ids.h"
#include "proto/json/json.h"

namespace godwit {
namespace {

auto half(int value) -> Result<int> {
  if (value % 2) return invalid("odd");
  return value / 2;
}
auto quarter(int value) -> Result<int> {
  TRY(auto first, half(value).within("first"));
  TRY(auto second, half(first).within("second"));
  return second;
}

TEST(Result, FailureReadsAsAStraightLine) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(7).error().what, "first: odd");
  EXPECT_EQ(quarter(6).error().what, "second: odd");
}

TEST(Reader, EveryReadIsBounded) {
  Writer writer;
  writer.u32(0x01020304);
  writer.u64(0x1122334455667788);
  auto const bytes = std::move(writer).take();
  for (size_t size = 0; size < bytes.size(); ++size) {
    Reader reader(ByteView(bytes).first(size));
    auto first = reader.u32();
    EXPECT_EQ(static_cast<bool>(first), size >= 4);
    EXPECT_FALSE(reader.u64());
  }
  Reader reader(bytes);
  EXPECT_EQ(*reader.u32(), 0x01020304u);
  EXPECT_EQ(*reader.u64(), 0x1122334455667788u);
  EXPECT_FALSE(reader.bytes(UINT64_MAX));
}

TEST(Base64, Rfc4648Section10) {
  char const* const vectors[][2] = {{"", ""},
                                    {"f", "Zg=="},
                                    {"fo", "Zm8="},
                                    {"foo", "Zm9v"},
                                    {"foob", "Zm9vYg=="},
                                    {"fooba", "Zm9vYmE="},
                                    {"foobar", "Zm9vYmFy"}};
  for (auto const& [plain, coded] : vectors) {
    EXPECT_EQ(to_base64(as_bytes(plain)), coded);
    EXPECT_EQ(as_text(*from_base64(coded)), plain);
  }
  for (auto const* wrong : {"Zg=", "Zg", "Z===", "Zh==", "Zm9=Zm9v", "Zm 9v", "Zm9v\n"})
    EXPECT_FALSE(from_base64(wrong)) << wrong;
}

TEST(Version, OrderOfTheSpecification) {
  char const* const ascending[] = {
      "0.9.9",      "1.0.0-alpha",  "1.0.0-alpha.1", "1.0.0-alpha.beta",
      "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",
      "1.0.0",      "1.0.1",        "1.10.0"};
  for (size_t i = 0; i + 1 < std::size(ascending); ++i)
    EXPECT_LT(*Version::parse(ascending[i]), *Version::parse(ascending[i + 1]));
  for (auto const* wrong : {"", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3-a..b",
                            "1.2.3-a.", "v1.2.3", "1.2.x", "1.2.3+b"})
    EXPECT_FALSE(Version::parse(wrong)) << wrong;
}

TEST(Ids, RefuseWhatWouldEscape) {
  EXPECT_TRUE(DeviceId::parse("cam-01_B"));
  for (auto const* wrong : {"", "a/b", "..", "a b", "a+", "#", "ä"})
    EXPECT_FALSE(DeviceId::parse(wrong)) << wrong;
  EXPECT_FALSE(DeviceId::parse(std::string(65, 'a')));
  EXPECT_TRUE(ModelName::parse("ic"));
  for (auto const* wrong : {"", "IC", "-a", "a/b", "a.b"})
    EXPECT_FALSE(ModelName::parse(wrong)) << wrong;
}

TEST(Json, BoundsAndRefusals) {
  EXPECT_FALSE(Json::parse(R"({"a":1,"a":2})"));
  EXPECT_FALSE(Json::parse(std::string(40, '[') + std::string(40, ']')));
  EXPECT_FALSE(Json::parse("{} x"));
  EXPECT_FALSE(Json::parse(R"({"a":1.5})", {.integers_only = true}));
  EXPECT_FALSE(Json::parse("{}", {.bytes_max = 1}));
  auto const json = *Json::parse(R"({"b":[1,2.5,"x\n"],"a":{"t":true,"n":null}})");
  EXPECT_EQ(json.dump(), R"({"a":{"n":null,"t":true},"b":[1,2.5,"x\n"]})");
  EXPECT_EQ(json.get_int("zz").error().what, "'zz' is missing");
  EXPECT_FALSE(json.get_int("b"));
  EXPECT_EQ(*Json::parse("\"\\u00e4\\\"\\\\\\n\"")->canonical(), "\"ä\\\"\\\\\n\"");
}

}  // namespace
}  // namespace godwit
