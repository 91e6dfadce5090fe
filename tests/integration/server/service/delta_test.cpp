// Deltas in the product: for which releases they are made, which device is offered which, what
// becomes of their files, and what they saved.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "proto/format/container.h"
#include "server/storage/deltas.h"
#include "tests/integration/server/service/world.h"

namespace godwit::test {
namespace {

using ::testing::HasSubstr;

/// A release that differs little from noise(40'000, 1), each number in its own way.
auto release_bytes(int number) -> Bytes {
  auto bytes = noise(40'000, 1);
  bytes[1000 + 100 * static_cast<size_t>(number)] ^= 0xff;
  return bytes;
}

class DeltaTest : public ::testing::Test {
 protected:
  void publish(int number, std::optional<int> parent = std::nullopt) {
    ReleaseOptions options{.parent = {}, .requires_ = {}};
    if (parent) options.parent = name(*parent);
    world.publish(name(number), release_bytes(number), options);
  }
  static auto name(int number) -> std::string { return "1." + std::to_string(number) + ".0"; }

  void roll_out(int number) {
    ASSERT_TRUE(world.service().rollouts().create(rollout_of(name(number))));
    world.tick();
    world.make_deltas();
    world.tick();
  }
  auto deltas() -> std::vector<Delta> {
    return world.service().releases().deltas(ic(), {.limit = 100, .cursor = ""})->items;
  }
  auto delta(int from, int to, std::string_view format) -> std::optional<Delta> {
    for (auto const& one : deltas())
      if (one.from == name(from) && one.to == name(to) && one.format == format) return one;
    return std::nullopt;
  }
  /// The format of the delta that the Director offers; empty: none.
  auto offered(SimDevice& device) -> std::string {
    auto const text = world.service().director().targets(device.id());
    EXPECT_TRUE(text) << text.error().what;
    proto::TrustedState state{*world.service().director().director_root(1), ""};
    auto const targets =
        proto::advance_targets(state, *text, world.clock.now_ms() / 1000, &device.id());
    EXPECT_TRUE(targets) << targets.error().what;
    if (targets->targets.empty()) return "no target";
    auto const& offer = targets->targets.begin()->second.assignment->delta;
    return offer ? offer->format : "";
  }
  auto file_exists(Sha256 const& sha256) -> bool {
    return world.service().artifacts().contains(sha256);
  }
  World world;
};

TEST_F(DeltaTest, ADeviceIsOfferedTheSmallestThatItsDecoderCanApply) {
  publish(0);
  SimDevice legacy(world, "a-legacy");
  SimDevice able(world, "b-able");
  SimDevice small(world, "c-small");
  able.facts.patch_version = proto::kContainerVersion;
  able.facts.patch_ram_bytes = 16 << 20;
  small.facts.patch_version = proto::kContainerVersion;
  small.facts.patch_ram_bytes = 1;
  for (auto* device : {&legacy, &able, &small}) {
    device->runs(name(0));
    device->hello();
  }
  publish(1, 0);
  roll_out(1);
  auto const ours = delta(0, 1, "godwit");
  auto const theirs = delta(0, 1, "bsdiff");
  ASSERT_TRUE(ours && theirs);
  EXPECT_EQ(ours->patch_version, uint32_t{proto::kContainerVersion});
  EXPECT_GT(ours->patch_ram_bytes, 1u);
  EXPECT_EQ(theirs->patch_version, 0u);
  auto const smallest = *ours->size_bytes <= *theirs->size_bytes ? "godwit" : "bsdiff";
  EXPECT_EQ(offered(able), smallest);
  EXPECT_EQ(offered(legacy), "bsdiff");
  EXPECT_EQ(offered(small), "bsdiff");
}

TEST_F(DeltaTest, ReleasesThatMostOfTheFleetRunsGetDeltasBeforeAnybodyAsks) {
  world.configure([](Config& config) { config.delta_sources = 2; });
  for (int number : {0, 1, 2}) publish(number);
  std::vector<std::unique_ptr<SimDevice>> fleet;
  for (auto const& [number, devices] : {std::pair{0, 3}, {1, 1}, {2, 2}})
    for (int i = 0; i < devices; ++i) {
      fleet.push_back(
          std::make_unique<SimDevice>(world, "cam-" + std::to_string(number) + std::to_string(i)));
      fleet.back()->runs(name(number));
      fleet.back()->hello();
    }
  publish(3);
  EXPECT_TRUE(delta(0, 3, "godwit"));
  EXPECT_TRUE(delta(2, 3, "bsdiff"));
  EXPECT_FALSE(delta(1, 3, "godwit")) << "two sources were configured, one device runs this one";
  ASSERT_TRUE(*world.service().jobs().make_one_delta());
  EXPECT_EQ(delta(0, 3, "godwit")->state, DeltaState::ready) << "what helps most comes first";
}

TEST_F(DeltaTest, OneThatNobodyExpectedIsMadeWhileTheFullReleaseIsTheAnswer) {
  publish(0);
  publish(1);
  SimDevice device(world, "cam-1");
  device.runs(name(0));
  device.hello();
  roll_out(1);
  device.hint();
  // As if the rollout had been planned by a server that asked for no deltas.
  ASSERT_TRUE(world.database->transact([](Tx& tx) -> Result<> {
    tx.run("DELETE FROM delta");
    return {};
  }));
  EXPECT_EQ(offered(device), "");
  EXPECT_EQ(delta(0, 1, "bsdiff")->state, DeltaState::pending);
  world.make_deltas();
  EXPECT_EQ(offered(device), "bsdiff");
}

TEST_F(DeltaTest, ThatTakesTooMuchMemoryIsNotMade) {
  world.configure([](Config& config) { config.delta_memory_bytes_max = 100'000; });
  publish(0);
  publish(1, 0);
  world.make_deltas();
  EXPECT_EQ(delta(0, 1, "godwit")->state, DeltaState::rejected);
  EXPECT_THAT(delta(0, 1, "godwit")->reason, HasSubstr("the limit is"));
}

TEST_F(DeltaTest, FilesGiveWayWhenTheCacheIsFullButNeverOneInUse) {
  publish(0);
  SimDevice device(world, "cam-1");
  device.runs(name(0));
  device.hello();
  publish(1, 0);
  roll_out(1);
  device.hint();
  auto const used = delta(0, 1, "bsdiff");
  publish(2, 1);
  world.clock.pass_ms(1000);
  world.make_deltas();
  auto const idle = delta(1, 2, "bsdiff");
  ASSERT_EQ(used->state, DeltaState::ready);
  ASSERT_EQ(idle->state, DeltaState::ready);

  world.configure([](Config& config) { config.delta_cache_bytes_max = 0; });
  publish(3, 2);
  world.clock.pass_ms(1000);
  world.make_deltas();
  EXPECT_EQ(delta(0, 1, "bsdiff")->state, DeltaState::ready) << "a device is under way";
  EXPECT_TRUE(file_exists(*used->sha256));
  EXPECT_EQ(delta(1, 2, "bsdiff")->state, DeltaState::dropped);
  EXPECT_FALSE(file_exists(*idle->sha256));
  EXPECT_EQ(offered(device), "bsdiff");

  // Wanted again, it is made again.
  world.configure([](Config& config) { config.delta_cache_bytes_max = 1 << 20; });
  SimDevice other(world, "cam-2");
  other.runs(name(1));
  other.hello();
  ASSERT_TRUE(world.database->transact([&](Tx& tx) -> Result<> {
    store::want_delta(tx, "ic", name(1), name(2), world.clock.now_ms());
    return {};
  }));
  world.make_deltas();
  EXPECT_EQ(delta(1, 2, "bsdiff")->state, DeltaState::ready);
}

TEST_F(DeltaTest, OneThatFailsIsTold) {
  publish(0);
  SimDevice device(world, "cam-1");
  device.runs(name(0));
  device.hello();
  publish(1);
  ASSERT_TRUE(world.service().rollouts().create(rollout_of(name(1))));
  world.tick();
  auto const release = *world.service().releases().get(ic(), version(name(1)));
  std::filesystem::remove(world.service().artifacts().path(release.sha256));
  for (int i = 0; i < 6; ++i) EXPECT_FALSE(world.service().jobs().make_one_delta());
  auto const told = world.database->transact([](Tx& tx) -> Result<std::string> {
    return tx.run("SELECT string_agg(text, '; ' ORDER BY number) FROM event")[0].text();
  });
  ASSERT_TRUE(told);
  EXPECT_THAT(*told, HasSubstr("the delta 1.0.0 -> 1.1.0 (godwit) failed"));
}

TEST_F(DeltaTest, WhatDevicesFetchedAndWhatThatSavedIsCounted) {
  publish(0);
  SimDevice device(world, "cam-1");
  device.runs(name(0));
  device.hello();
  publish(1, 0);
  roll_out(1);
  auto const hint = device.hint();
  EXPECT_EQ(ack_of(device.report(hint, AttemptState::downloading)).error, "");
  EXPECT_EQ(ack_of(device.report(hint, AttemptState::verifying,
                                 [](proto::JobReport& report) {
                                   report.transport = "delta";
                                   report.bytes_received = 700;
                                 }))
                .error,
            "");
  auto const with_bytes = [](proto::JobReport& report) {
    report.transport = "delta";
    report.bytes_received = 700;
  };
  for (auto const state : {AttemptState::installing, AttemptState::trial})
    EXPECT_EQ(ack_of(device.report(hint, state, with_bytes)).error, "");
  device.runs(name(1));
  EXPECT_EQ(ack_of(device.report(hint, AttemptState::succeeded, with_bytes)).error, "");

  auto const one = delta(0, 1, "bsdiff");
  EXPECT_EQ(one->downloads, 1u);
  EXPECT_EQ(one->bytes_received, 700u);
  auto const traffic = *world.service().jobs().traffic();
  ASSERT_EQ(traffic.size(), 1u);
  EXPECT_EQ(traffic[0].transport, "delta");
  EXPECT_EQ(traffic[0].devices, 1);
  EXPECT_EQ(traffic[0].bytes_saved, static_cast<int64_t>(one->full_size_bytes) - 700);
}

}  // namespace
}  // namespace godwit::test
