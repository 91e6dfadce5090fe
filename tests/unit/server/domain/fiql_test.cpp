#include "server/domain/fiql.h"

#include <gtest/gtest.h>

namespace godwit::server {
namespace {

auto device() -> Device {
  Device d;
  d.id = "cam-1";
  d.hardware_id = "cam-v2";
  d.arch = "aarch64";
  d.engine_version = 3;
  d.ram_bytes = 8 << 20;
  d.flash_bytes = 4 << 20;
  d.tags = {"canary", "lab"};
  d.attributes = {{"site", "north"}, {"note", "100%_sure, (really)"}};
  d.online = true;
  d.components["ic"] = {"1.1.0", "1.0.0"};
  d.components["kws"] = {std::nullopt, std::nullopt};
  return d;
}

struct Case {
  char const* filter;
  bool matches;
};

TEST(Filter, SelectsWhatItSays) {
  for (auto const& [text, expected] : std::initializer_list<Case>{
           {"", true},
           {"  ", true},
           {"id==cam-1", true},
           {"id==cam-2", false},
           {"id==cam-*", true},
           {"id==*1", true},
           {"id==c*-*1", true},
           {"id==*2*", false},
           {"id!=cam-1", false},
           {"hardware_id=in=(cam-v1,cam-v2)", true},
           {"hardware_id=out=(cam-v1,cam-v2)", false},
           {"arch==aarch64;online==true", true},
           {"arch==x86_64,online==true", true},
           {"arch==x86_64,tag==canary;online==false", false},
           {"(arch==x86_64,tag==canary);online==true", true},
           {"arch==x86_64 or tag==canary and online==true", true},
           {"tag==lab", true},
           {"tag!=lab", false},
           {"tag=out=(a,b)", true},
           {"ram_bytes=ge=8388608", true},
           {"ram_bytes=gt=8388608", false},
           {"flash_bytes=lt=1", false},
           {"engine_version=le=3", true},
           {"engine_version=in=(1,3)", true},
           {"engine_version!=3", false},
           {"attribute.site==north", true},
           {"attribute.site==nor", false},
           {"attribute.site!=south", true},
           {"attribute.none==x", false},
           {"attribute.none!=x", true},
           {"attribute.note=='100%_sure, (really)'", true},
           {"attribute.note=='100__sure, (really)'", false},
           {"component.ic==1.1.0", true},
           {"component.ic=='1.1.*'", true},
           {"component.kws==1.0.0", false},
           {"component.vww!=1.0.0", true},
       }) {
    auto const filter = parse_filter(text);
    ASSERT_TRUE(filter) << text << ": " << filter.error().what;
    EXPECT_EQ(matches(*filter, device()), expected) << text;
  }
}

TEST(Filter, RefusesWithThePosition) {
  for (auto const* text : {
           "id",
           "id=cam-1",
           "id==",
           "nofield==1",
           "attribute.==1",
           "(id==a",
           "id==a)",
           "id==a;",
           ",id==a",
           "id==a id==b",
           "id=in=a",
           "id=in=(a",
           "id=in=()",
           "id=='open",
           "ram_bytes==many",
           "ram_bytes==99999999999999999999",
           "id=lt=a",
           "online==maybe",
           "id==a;;id==b",
       }) {
    auto const filter = parse_filter(text);
    ASSERT_FALSE(filter) << text;
    EXPECT_EQ(filter.error().code, Code::invalid);
    EXPECT_NE(filter.error().what.find("at position"), std::string::npos) << text;
  }
}

TEST(Filter, IsBounded) {
  EXPECT_FALSE(parse_filter(std::string(5000, 'x')));
  EXPECT_FALSE(parse_filter(std::string(40, '(') + "id==a" + std::string(40, ')')));
  std::string many = "id==a";
  for (int i = 0; i < 200; ++i) many += ",id==a";
  EXPECT_FALSE(parse_filter(many));
}

TEST(Filter, NoTextBreaksTheParser) {
  std::string const signs = "a=!;,()'\"*. \\1";
  uint32_t state = 1;
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (int i = 0; i < round % 24; ++i) {
      state = state * 1664525 + 1013904223;
      text += signs[(state >> 16) % signs.size()];
    }
    if (auto const filter = parse_filter(text)) matches(*filter, device());
  }
}

}  // namespace
}  // namespace godwit::server
