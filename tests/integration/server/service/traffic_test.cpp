// What devices fetched: by their tags, and each of them of a release.
#include <map>

#include "server/storage/traffic.h"
#include "tests/integration/server/service/delta_world.h"

namespace godwit::test {
namespace {

class TrafficTest : public DeltaTest {
 protected:
  TrafficTest() {
    publish(0);
    publish(1, 0);
  }
  auto device(std::string const& id, std::vector<std::string> const& tags) -> SimDevice& {
    auto& made = fleet_.emplace_back(std::make_unique<SimDevice>(world, id));
    made->runs(name(0));
    made->hello();
    tag(id, tags);
    return *made;
  }
  void tag(std::string const& id, std::vector<std::string> const& tags) {
    ASSERT_TRUE(world.database->transact([&](Tx& tx) -> Result<> {
      tx.run("UPDATE device SET tags = $2::text[] WHERE id = $1", {id, tags});
      return {};
    }));
  }
  /// The whole way of release 1, by a delta of that many bytes.
  void fetch(SimDevice& the_device, uint64_t bytes) {
    auto const hint = the_device.hint();
    auto const by_delta = [&](proto::JobReport& report) {
      report.transport = "delta";
      report.bytes_received = bytes;
    };
    for (auto const state :
         {AttemptState::downloading, AttemptState::installing, AttemptState::trial})
      EXPECT_EQ(ack_of(the_device.report(hint, state, by_delta)).error, "");
    the_device.runs(name(1));
    EXPECT_EQ(ack_of(the_device.report(hint, AttemptState::succeeded, by_delta)).error, "");
  }
  /// "tag": devices, bytes received, bytes saved.
  using Sums = std::map<std::string, std::array<int64_t, 3>>;
  auto sums(size_t tags_max = 50) -> Sums {
    Sums all;
    auto const found = world.database->transact([&](Tx& tx) -> Result<std::vector<TagTraffic>> {
      return store::sum_tag_traffic(tx, tags_max);
    });
    for (auto const& one : *found) {
      EXPECT_EQ(one.transport, "delta");
      all[one.tag] = {one.devices, one.bytes_received, one.bytes_saved};
    }
    return all;
  }
  auto full() -> int64_t {
    return static_cast<int64_t>(world.service().releases().get(ic(), version(name(1)))->size_bytes);
  }

 private:
  std::vector<std::unique_ptr<SimDevice>> fleet_;
};

TEST_F(TrafficTest, ADeviceCountsUnderEachOfItsTags) {
  auto& first = device("cam-1", {"north", "canary"});
  auto& second = device("cam-2", {"north"});
  auto& third = device("cam-3", {});
  roll_out(1);
  fetch(first, 700);
  fetch(second, 800);
  fetch(third, 900);
  EXPECT_EQ(sums(), (Sums{{"", {1, 900, full() - 900}},
                          {"canary", {1, 700, full() - 700}},
                          {"north", {2, 1500, 2 * full() - 1500}}}));
  auto const listed = world.service().releases().tag_traffic({.limit = 2, .cursor = ""});
  ASSERT_EQ(listed->items.size(), 2u);
  EXPECT_EQ(listed->items[0].tag, "");
  ASSERT_TRUE(listed->next);
  auto const rest = world.service().releases().tag_traffic({.limit = 2, .cursor = *listed->next});
  ASSERT_EQ(rest->items.size(), 1u);
  EXPECT_EQ(rest->items[0].tag, "north");
}

TEST_F(TrafficTest, ASuccessThatIsTakenBackIsTakenFromTheTagsThatItWasCountedUnder) {
  auto& one = device("cam-1", {"north"});
  roll_out(1);
  fetch(one, 700);
  tag("cam-1", {"south"});
  one.runs(name(0));
  one.reboot();
  one.hello();
  EXPECT_EQ(sums(), (Sums{{"north", {0, 0, 0}}}));
  EXPECT_TRUE(world.service().releases().tag_traffic({})->items.empty());
}

TEST_F(TrafficTest, TagsThatCameLaterShareASeries) {
  auto& first = device("cam-1", {"z-first"});
  auto& second = device("cam-2", {"a", "b"});
  roll_out(1);
  fetch(first, 700);
  fetch(second, 800);
  EXPECT_EQ(sums(1), (Sums{{std::string(store::kOtherTags), {2, 1600, 2 * full() - 1600}},
                           {"z-first", {1, 700, full() - 700}}}));
}

TEST_F(TrafficTest, EachDevicesDownloadOfAReleaseIsListed) {
  auto& first = device("cam-1", {});
  auto& second = device("cam-2", {});
  roll_out(1);
  fetch(first, 700);
  fetch(second, 800);
  auto& releases = world.service().releases();
  auto const page = releases.attempts(ic(), version(name(1)), {.limit = 1, .cursor = ""});
  ASSERT_TRUE(page) << page.error().what;
  ASSERT_EQ(page->items.size(), 1u);
  EXPECT_EQ(page->items[0].device, "cam-1");
  EXPECT_EQ(page->items[0].from_version, name(0));
  EXPECT_EQ(page->items[0].transport, "delta");
  EXPECT_EQ(page->items[0].bytes_received, 700u);
  ASSERT_TRUE(page->next);
  auto const rest = releases.attempts(ic(), version(name(1)), {.limit = 9, .cursor = *page->next});
  ASSERT_EQ(rest->items.size(), 1u);
  EXPECT_EQ(rest->items[0].bytes_received, 800u);
  EXPECT_FALSE(rest->next);
  EXPECT_TRUE(releases.attempts(ic(), version(name(0)), {})->items.empty());
  EXPECT_EQ(releases.attempts(ic(), version("9.9.9"), {}).error().code, Code::not_found);
  EXPECT_EQ(
      releases.attempts(ic(), version(name(1)), {.limit = 9, .cursor = "cam-1 x"}).error().code,
      Code::invalid);
}

}  // namespace
}  // namespace godwit::test
