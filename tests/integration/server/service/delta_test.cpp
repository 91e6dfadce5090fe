// Deltas in the product: for which releases they are made, which device is offered which, what
// becomes of their files, and what they saved.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/storage/deltas.h"
#include "tests/integration/server/service/delta_world.h"

namespace godwit::test {
namespace {

using ::testing::HasSubstr;

TEST_F(DeltaTest, ADeviceIsOfferedTheSmallestThatItsDecoderCanApply) {
  publish(0);
  SimDevice legacy(world, "a-legacy");
  SimDevice able(world, "b-able");
  SimDevice small(world, "c-small");
  able.facts.patch_version = proto::kContainerVersion;
  able.facts.patch_ram_bytes = 16 << 20;
  small.facts.patch_version = proto::kContainerVersion;
  small.facts.patch_ram_bytes = 192 << 10;
  SimDevice tiny(world, "d-tiny");
  tiny.facts.patch_version = proto::kContainerVersion;
  tiny.facts.patch_ram_bytes = 1;
  for (auto* device : {&legacy, &able, &small, &tiny}) {
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
  EXPECT_EQ(offered(able), "godwit");
  EXPECT_EQ(offered(legacy), "bsdiff");
  EXPECT_EQ(offered(tiny), "") << "it gives no decoder its memory";
  auto const for_small = delta(0, 1, "godwit-small");
  ASSERT_TRUE(for_small);
  EXPECT_EQ(for_small->mode, "weights, small");
  EXPECT_EQ(for_small->patch_ram_bytes, 192u << 10);
  EXPECT_EQ(assigned(small).delta->sha256, *for_small->sha256);
}

TEST_F(DeltaTest, AnAgentOlderThanTheServerIsOfferedBsdiff40) {
  publish(0);
  SimDevice older(world, "a-older");
  older.facts.patch_version = proto::kContainerVersion - 1;
  older.facts.patch_ram_bytes = 3 << 20;
  SimDevice older_small(world, "b-older-small");
  older_small.facts.patch_version = proto::kContainerVersion - 1;
  older_small.facts.patch_ram_bytes = 192 << 10;
  for (auto* device : {&older, &older_small}) {
    device->runs(name(0));
    device->hello();
  }
  publish(1, 0);
  roll_out(1);
  EXPECT_EQ(offered(older), "bsdiff");
  EXPECT_EQ(offered(older_small), "") << "BSDIFF40 takes more memory than it gives";
  EXPECT_FALSE(delta(0, 1, "godwit-small")) << "nobody could apply it";
  older.facts.patch_version = proto::kContainerVersion;
  older.hello();
  EXPECT_EQ(offered(older), "godwit");
}

TEST_F(DeltaTest, WhatLeadsToAYankedReleaseIsNotMade) {
  publish(0);
  SimDevice device(world, "cam-1");
  device.runs(name(0));
  device.hello();
  publish(1, 0);
  ASSERT_EQ(delta(0, 1, "godwit")->state, DeltaState::pending);
  ASSERT_TRUE(world.service().releases().yank(ic(), *Version::parse(name(1)), "it bites"));
  world.make_deltas();
  EXPECT_EQ(delta(0, 1, "godwit")->state, DeltaState::dropped);
}

TEST_F(DeltaTest, PatchesForSmallDecodersAreMadeOnlyWhereADeviceNeedsThem) {
  publish(0);
  SimDevice able(world, "a-able");
  able.facts.patch_version = proto::kContainerVersion;
  able.facts.patch_ram_bytes = 16 << 20;
  able.runs(name(0));
  able.hello();
  publish(1, 0);
  roll_out(1);
  EXPECT_TRUE(delta(0, 1, "godwit"));
  EXPECT_FALSE(delta(0, 1, "godwit-small"));
  // One that comes later asks for its own, and takes the full release meanwhile.
  SimDevice small(world, "b-small");
  small.facts.patch_version = proto::kContainerVersion;
  small.facts.patch_ram_bytes = 192 << 10;
  small.runs(name(0));
  small.hello();
  auto request = rollout_of(name(1));
  request.filter = "id==b-small";
  ASSERT_TRUE(world.service().rollouts().create(request));
  world.tick();
  world.clock.pass_ms(20'000);
  world.tick();
  EXPECT_EQ(offered(small), "") << "BSDIFF40 takes more memory than it gives";
  EXPECT_EQ(delta(0, 1, "godwit-small")->state, DeltaState::pending);
}

TEST_F(DeltaTest, Bsdiff40IsMadeOnlyWhereADeviceOfTheRolloutKnowsNothingElse) {
  publish(0);
  SimDevice able(world, "a-able");
  able.facts.patch_version = proto::kContainerVersion;
  able.facts.patch_ram_bytes = 16 << 20;
  SimDevice elsewhere(world, "c-elsewhere");
  publish(1, 0);
  publish(9);
  for (auto* device : {&able, &elsewhere}) {
    device->runs(name(0));
    device->hello();
  }
  auto request = rollout_of(name(1));
  request.filter = "id==a-able";
  ASSERT_TRUE(world.service().rollouts().create(request));
  world.make_deltas();
  EXPECT_EQ(delta(0, 1, "godwit")->state, DeltaState::ready);
  EXPECT_FALSE(delta(0, 1, "bsdiff")) << "the one that needs it is not in the rollout";

  // One that comes later asks for its own, and takes the full release meanwhile.
  request.filter = "id==c-elsewhere";
  ASSERT_TRUE(world.service().rollouts().create(request));
  ASSERT_TRUE(delta(0, 1, "bsdiff"));
  world.clock.pass_ms(20'000);
  world.tick();
  EXPECT_EQ(offered(elsewhere), "");
  world.make_deltas();
  EXPECT_EQ(offered(elsewhere), "bsdiff");
}

TEST_F(DeltaTest, ABsdiff40ThatNoDeviceNeedsAnyMoreIsNotMade) {
  publish(0);
  SimDevice device(world, "cam-1");
  device.runs(name(0));
  device.hello();
  publish(1, 0);
  ASSERT_EQ(delta(0, 1, "bsdiff")->state, DeltaState::pending);
  device.facts.patch_version = proto::kContainerVersion;
  device.facts.patch_ram_bytes = 16 << 20;
  device.hello();
  world.make_deltas();
  EXPECT_EQ(delta(0, 1, "godwit")->state, DeltaState::ready);
  EXPECT_EQ(delta(0, 1, "bsdiff")->state, DeltaState::dropped);
  EXPECT_THAT(delta(0, 1, "bsdiff")->reason, HasSubstr("no device needs it"));
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

TEST_F(DeltaTest, WhoMakesOneMayRestInBetween) {
  publish(0);
  publish(1, 0);
  int rests = 0;
  ASSERT_TRUE(*world.service().jobs().make_one_delta([&] { ++rests; }));
  EXPECT_GT(rests, 3);
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
  auto const idle = delta(1, 2, "godwit");
  ASSERT_EQ(used->state, DeltaState::ready);
  ASSERT_EQ(idle->state, DeltaState::ready);

  world.configure([](Config& config) { config.delta_cache_bytes_max = 0; });
  publish(3, 2);
  world.clock.pass_ms(1000);
  world.make_deltas();
  EXPECT_EQ(delta(0, 1, "bsdiff")->state, DeltaState::ready) << "a device is under way";
  EXPECT_TRUE(file_exists(*used->sha256));
  EXPECT_EQ(delta(1, 2, "godwit")->state, DeltaState::dropped);
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
  EXPECT_EQ(delta(1, 2, "godwit")->state, DeltaState::ready);
  EXPECT_EQ(delta(1, 2, "bsdiff")->state, DeltaState::ready) << "the device knows nothing else";
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
  auto const figures = *world.service().jobs().figures();
  EXPECT_EQ(figures.deltas.at(DeltaState::ready), 2);
  auto const& traffic = figures.traffic;
  ASSERT_EQ(traffic.size(), 1u);
  EXPECT_EQ(traffic[0].transport, "delta");
  EXPECT_EQ(traffic[0].devices, 1);
  EXPECT_EQ(traffic[0].bytes_saved, static_cast<int64_t>(one->full_size_bytes) - 700);
  auto const ways = world.service().releases().traffic(ic(), {.limit = 10, .cursor = ""})->items;
  ASSERT_EQ(ways.size(), 1u);
  EXPECT_EQ(ways[0].from, name(0));
  EXPECT_EQ(ways[0].version, name(1));
  EXPECT_EQ(ways[0].bytes_received, 700);
}

}  // namespace
}  // namespace godwit::test
