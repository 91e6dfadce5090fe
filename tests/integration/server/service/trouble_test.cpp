// Deltas that cannot be made: when they are tried again, what is told, who may ask for them anew,
// and what becomes of those whose server ended in the middle.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/storage/delta_queue.h"
#include "tests/integration/server/service/delta_world.h"

namespace godwit::test {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kLeaseMs = DeltaWorker::kLeaseMs;

/// One legacy-free fleet of a device that runs 1.0.0; the artifact of 1.1.0 may be taken away.
class TroubleTest : public DeltaTest {
 protected:
  TroubleTest() : device_(world, "cam-1") {
    publish(0);
    device_.facts.patch_version = proto::kContainerVersion;
    device_.facts.patch_ram_bytes = 16 << 20;
    device_.runs(name(0));
    device_.hello();
    publish(1, 0);
    artifact_ = world.service().artifacts().path(
        world.service().releases().get(ic(), version(name(1)))->sha256);
  }
  void hide_artifact() { std::filesystem::rename(artifact_, hidden()); }
  void bring_artifact_back() { std::filesystem::rename(hidden(), artifact_); }
  auto work() -> Result<bool> { return world.service().jobs().make_one_delta(); }
  /// Until it has failed for good.
  void fail() {
    hide_artifact();
    for (int64_t const pause_ms : {30'000, 300'000, 0}) {
      EXPECT_FALSE(work());
      world.clock.pass_ms(pause_ms);
    }
  }
  auto request(std::string format = "") -> Result<Page<Delta>> {
    return world.service().releases().request_delta(
        {ic(), version(name(0)), version(name(1)), std::move(format), "alice"});
  }
  auto take() -> std::optional<Delta> {
    return *world.database->transact([&](Tx& tx) -> Result<std::optional<Delta>> {
      return store::take_delta(tx, world.clock.now_ms(), kLeaseMs);
    });
  }
  auto told() -> std::string {
    auto const text = world.database->transact([](Tx& tx) -> Result<std::string> {
      return tx.run("SELECT coalesce(string_agg(text, '; ' ORDER BY number), '') FROM event")[0]
          .text();
    });
    return text ? *text : text.error().what;
  }
  auto the_delta() -> Delta { return *delta(0, 1, "godwit"); }

  SimDevice device_;

 private:
  auto hidden() const -> std::filesystem::path { return artifact_.string() + ".hidden"; }
  std::filesystem::path artifact_;
};

TEST_F(TroubleTest, AFailedTryIsRepeatedAfterAPause) {
  hide_artifact();
  auto const first = work();
  ASSERT_FALSE(first);
  EXPECT_THAT(first.error().what, HasSubstr("the delta 1.0.0 -> 1.1.0 (godwit)"));
  EXPECT_EQ(the_delta().state, DeltaState::pending);
  EXPECT_EQ(the_delta().tries, 1u);
  EXPECT_EQ(the_delta().failed_at_ms, world.clock.now_ms());
  EXPECT_EQ(the_delta().next_try_at_ms, world.clock.now_ms() + 30'000);
  EXPECT_FALSE(*work()) << "not yet";
  bring_artifact_back();
  world.clock.pass_ms(30'000);
  ASSERT_TRUE(*work());
  EXPECT_EQ(the_delta().state, DeltaState::ready);
  EXPECT_EQ(the_delta().reason, "");
}

TEST_F(TroubleTest, OneThatFailsThreeTimesIsNeverOfferedAndRaisesAnAlarm) {
  ASSERT_TRUE(world.service().rollouts().create(rollout_of(name(1))));
  world.tick();
  fail();
  EXPECT_EQ(the_delta().state, DeltaState::failed);
  EXPECT_EQ(the_delta().tries, 3u);
  EXPECT_FALSE(*work()) << "until somebody asks";
  EXPECT_THAT(told(), HasSubstr("the delta 1.0.0 -> 1.1.0 (godwit) failed"));
  EXPECT_EQ(world.service().jobs().figures()->alarms.at("ic"), 1);
  EXPECT_EQ(world.service().releases().model(ic())->deltas_failed, 1u);
  auto const alarms =
      world.service().releases().deltas({.state = "failed"}, {.limit = 10, .cursor = ""});
  ASSERT_EQ(alarms->items.size(), 1u);
  EXPECT_THAT(alarms->items[0].reason, HasSubstr("1.1.0"));
}

TEST_F(TroubleTest, ARolloutDoesNotWaitForTheNextTry) {
  ASSERT_TRUE(world.service().rollouts().create(rollout_of(name(1))));
  hide_artifact();
  EXPECT_FALSE(work());
  world.tick();
  world.tick();
  EXPECT_EQ(offered(device_), "") << "told at once, with the full release";
}

TEST_F(TroubleTest, OneThatFailedIsMadeWhenSomebodyAsks) {
  ASSERT_TRUE(world.service().rollouts().create(rollout_of(name(1))));
  fail();
  bring_artifact_back();
  auto const asked = request();
  ASSERT_TRUE(asked) << asked.error().what;
  ASSERT_EQ(asked->items.size(), 1u);
  EXPECT_EQ(asked->items[0].state, DeltaState::pending);
  EXPECT_EQ(asked->items[0].tries, 0u);
  EXPECT_EQ(asked->items[0].requested_by, "alice");
  EXPECT_EQ(asked->items[0].requested_at_ms, world.clock.now_ms());
  EXPECT_THAT(told(), HasSubstr("was asked for by alice"));
  world.make_deltas();
  EXPECT_EQ(the_delta().state, DeltaState::ready);
  EXPECT_EQ(world.service().jobs().figures()->alarms.at("ic"), 0);
  auto const events = told();
  EXPECT_EQ(request()->items[0].state, DeltaState::ready) << "what is ready stays so";
  EXPECT_EQ(told(), events);
}

TEST_F(TroubleTest, OneThatNobodyNeedsIsMadeWhenSomebodyAsks) {
  ASSERT_FALSE(delta(0, 1, "bsdiff"));
  auto const asked = request("bsdiff");
  ASSERT_TRUE(asked) << asked.error().what;
  world.make_deltas();
  EXPECT_EQ(delta(0, 1, "bsdiff")->state, DeltaState::ready);
}

TEST_F(TroubleTest, WhatCannotBeAskedForIsRefused) {
  EXPECT_EQ(request("xdelta").error().code, Code::invalid);
  auto& releases = world.service().releases();
  EXPECT_EQ(
      releases.request_delta({ic(), version(name(0)), version(name(7)), "", "alice"}).error().code,
      Code::not_found);
  EXPECT_EQ(
      releases.request_delta({ic(), version(name(0)), version(name(0)), "", "alice"}).error().code,
      Code::conflict);
  EXPECT_EQ(releases.deltas({.model = ic(), .state = "broken"}, {}).error().code, Code::invalid);
}

TEST_F(TroubleTest, WhatAServerLeftInTheMiddleFallsToAnother) {
  auto const left = take();
  ASSERT_TRUE(left);
  EXPECT_FALSE(*work()) << "it may still be at work";
  world.clock.pass_ms(kLeaseMs + 1);
  ASSERT_TRUE(*work());
  EXPECT_EQ(the_delta().state, DeltaState::ready);
  EXPECT_EQ(the_delta().tries, 2u);
  auto late = *left;  // the first server was only slow
  late.state = DeltaState::failed;
  late.reason = "late";
  EXPECT_FALSE(*world.database->transact(
      [&](Tx& tx) -> Result<bool> { return store::finish_delta(tx, late, world.clock.now_ms()); }));
  EXPECT_EQ(the_delta().state, DeltaState::ready);
}

TEST_F(TroubleTest, ALeaseThatIsRenewedIsKept) {
  auto const taken = take();
  ASSERT_TRUE(taken);
  for (int i = 0; i < 5; ++i) {
    world.clock.pass_ms(kLeaseMs / 2);
    EXPECT_TRUE(*world.database->transact([&](Tx& tx) -> Result<bool> {
      return store::renew_lease(tx, *taken, world.clock.now_ms(), kLeaseMs);
    }));
    EXPECT_FALSE(take());
  }
}

TEST_F(TroubleTest, OneThatEndsEveryServerIsGivenUp) {
  ASSERT_TRUE(world.service().rollouts().create(rollout_of(name(1))));
  for (int i = 0; i < DeltaWorker::kTriesMax; ++i) {
    ASSERT_TRUE(take()) << i;
    world.clock.pass_ms(kLeaseMs + 1);
  }
  EXPECT_FALSE(*work());
  EXPECT_EQ(the_delta().state, DeltaState::failed);
  EXPECT_THAT(the_delta().reason, HasSubstr("the server ended while making it, 3 times"));
  EXPECT_THAT(told(), HasSubstr("the server ended"));
}

}  // namespace
}  // namespace godwit::test
