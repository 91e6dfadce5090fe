// The filter language means the same in SQL and in memory: both are asked about the same devices.
#include <gtest/gtest.h>

#include "server/storage/devices.h"
#include "server/storage/migrate.h"
#include "tests/support/postgres/postgres.h"

namespace godwit::server {
namespace {

constexpr int64_t kNow_ms = 1'800'000'000'000;

void insert(Tx& tx, int i) {
  auto const id = "cam-" + std::to_string(i);
  auto attributes = Json::object({{"site", i % 2 ? "north" : "so_th%"}});
  if (i % 3 == 0) attributes.set("note", "a'b\"c\\d");
  store::insert_device(tx,
                       {.id = id,
                        .hardware_id = "",
                        .attributes_json = attributes.dump(),
                        .public_key_sha256 = {},
                        .sealing_key = Bytes(32)},
                       kNow_ms);
  proto::Hello hello{
      .epoch = 1, .seq = 1, .agent = "t", .facts = {}, .components = {}, .attempt = {}};
  hello.facts = {"cam-v" + std::to_string(i % 3), i % 2 ? "aarch64" : "x86_64",
                 static_cast<uint32_t>(i % 4), static_cast<uint64_t>(i) * 1000,
                 static_cast<uint64_t>(i) << 33};
  if (i % 4) {
    hello.components["ic"].running =
        proto::SlotContent{"1." + std::to_string(i % 3) + ".0", Sha256{}};
  }
  store::store_hello(tx, id, hello, true, kNow_ms);
  if (i % 5 == 0) store::store_presence(tx, id, {.epoch = 1, .online = false}, kNow_ms);
  std::vector<std::string> tags;
  if (i % 2) tags.push_back("canary");
  if (i % 7 == 0) tags.push_back("lab");
  store::patch_device(tx, id, tags, std::nullopt, std::nullopt);
}

TEST(FilterSql, AgreesWithThePredicate) {
  auto const database = *Database::open(test::Postgres::instance().fresh_database(), 1);
  ASSERT_TRUE(database->transact([](Tx& tx) -> Result<> {
    for (int i = 0; i < 60; ++i) insert(tx, i);
    return {};
  }));
  auto const list = [&](std::string_view text) {
    auto const filter = *parse_filter(text);
    return *database->transact([&](Tx& tx) -> Result<Page<Device>> {
      return store::list_devices(tx, filter, {.limit = 500, .cursor = ""});
    });
  };
  auto const all = list("").items;
  ASSERT_EQ(all.size(), 60u);
  for (std::string_view text : {
           "id==cam-1",
           "id==cam-1*",
           "id!=cam-1*",
           "id=in=(cam-1,cam-2,cam-5*)",
           "id=out=(cam-1,cam-2)",
           "hardware_id==cam-v1",
           "arch!=x86_64",
           "engine_version=in=(0,3)",
           "engine_version=out=(0,3)",
           "engine_version!=2",
           "ram_bytes=lt=20000",
           "ram_bytes=ge=20000",
           "flash_bytes=gt=42949672960",
           "online==true",
           "online!=true",
           "tag==canary",
           "tag!=canary",
           "tag==lab;tag==canary",
           "tag==lab,tag==canary",
           "tag=out=(lab,canary)",
           "attribute.site==north",
           "attribute.site==so_th%",
           "attribute.site==so*",
           "attribute.site==so_*",
           "attribute.site=='soXth%'",
           "attribute.note==\"a'b\\\"c\\\\d\"",
           "attribute.note!=x",
           "attribute.none==x",
           "attribute.none!=x",
           "component.ic==1.1.0",
           "component.ic!=1.1.0",
           "component.ic==*",
           "component.vww==*",
           "component.vww!=*",
           "(tag==lab,arch==aarch64);online==true;ram_bytes=le=30000",
           "attribute.site=='x' or id=='); DROP TABLE device; --'",
       }) {
    auto const filter = *parse_filter(text);
    std::vector<std::string> expected;
    for (auto const& device : all)
      if (matches(filter, device)) expected.push_back(device.id);
    std::vector<std::string> got;
    for (auto const& device : list(text).items) got.push_back(device.id);
    EXPECT_EQ(got, expected) << text;
  }
}

TEST(FilterSql, PagesCoverEveryDeviceOnce) {
  auto const database = *Database::open(test::Postgres::instance().fresh_database(), 1);
  ASSERT_TRUE(database->transact([](Tx& tx) -> Result<> {
    for (int i = 0; i < 25; ++i) insert(tx, i);
    return {};
  }));
  std::vector<std::string> seen;
  PageRequest request{.limit = 10, .cursor = ""};
  for (int pages = 0; pages < 10; ++pages) {
    auto const page = *database->transact([&](Tx& tx) -> Result<Page<Device>> {
      return store::list_devices(tx, *parse_filter(""), request);
    });
    for (auto const& device : page.items) seen.push_back(device.id);
    if (!page.next) break;
    request.cursor = *page.next;
  }
  EXPECT_EQ(seen.size(), 25u);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

}  // namespace
}  // namespace godwit::server
