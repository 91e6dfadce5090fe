// Whole rollouts, with simulated devices.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/integration/server/service/world.h"

namespace godwit::test {
namespace {

using ::testing::HasSubstr;

class RolloutTest : public ::testing::Test {
 protected:
  RolloutTest() {
    world.publish("1.0.0", noise(5000, 1));
    for (int i = 1; i <= 5; ++i) {
      devices.emplace_back(world, "cam-" + std::to_string(i));
      devices.back().hello();
    }
  }

  auto create(NewRollout const& request) -> Rollout {
    auto rollout = world.service().rollouts().create(request);
    EXPECT_TRUE(rollout) << rollout.error().what;
    return *rollout;
  }
  auto get(int64_t id) -> Rollout { return *world.service().rollouts().get(id); }
  /// Devices that were told, among ours.
  auto told() -> std::vector<std::pair<SimDevice*, proto::JobHint>> {
    std::vector<std::pair<SimDevice*, proto::JobHint>> result;
    for (auto& device : devices)
      for (auto const& hint : world.mailbox.take(device.id().str()))
        result.emplace_back(&device, hint);
    return result;
  }
  /// Brings all devices to a release, without a rollout.
  void all_run(std::string const& number) {
    for (auto& device : devices) {
      device.runs(number);
      device.hello();
    }
  }
  void expect_counts_exact(int64_t id) {
    auto const rollout = get(id);
    Counts counted{};
    auto const page = *world.service().rollouts().attempts(id, {.limit = 500, .cursor = ""});
    for (auto const& attempt : page.items) {
      auto state = attempt.state;
      if (attempt.rollback && state == AttemptState::succeeded) state = AttemptState::rolled_back;
      ++counted[static_cast<size_t>(state)];
    }
    EXPECT_EQ(counted, rollout.counts);
  }

  World world;
  std::vector<SimDevice> devices;
};

TEST_F(RolloutTest, GoesThroughItsPhasesToTheEnd) {
  auto const rollout = create(rollout_of("1.0.0", {20, 100}));
  EXPECT_EQ(rollout.state, RolloutState::running);
  EXPECT_EQ(rollout.phase, 1u);
  ASSERT_EQ(rollout.phases.size(), 2u);
  EXPECT_EQ(rollout.phases[0].devices, 1u);
  EXPECT_EQ(rollout.phases[1].devices, 4u);

  world.tick();
  auto canary = told();
  ASSERT_EQ(canary.size(), 1u);
  world.tick();
  EXPECT_TRUE(told().empty()) << "the second phase waits for the first";
  canary[0].first->update(canary[0].second, "1.0.0");

  world.tick();
  auto others = told();
  ASSERT_EQ(others.size(), 4u);
  for (auto& [device, hint] : others) device->update(hint, "1.0.0");
  world.tick();
  auto const done = get(rollout.id);
  EXPECT_EQ(done.state, RolloutState::succeeded);
  EXPECT_EQ(done.status, "5 of 5 devices run ic 1.0.0");
  EXPECT_TRUE(done.ended_at_ms);
  expect_counts_exact(rollout.id);
}

TEST_F(RolloutTest, SoaksBeforeTheNextPhase) {
  auto request = rollout_of("1.0.0", {20, 100});
  request.phases[0].soak_s = 60;
  auto const rollout = create(request);
  world.tick();
  auto const canary = told();
  canary.at(0).first->update(canary[0].second, "1.0.0");
  world.tick();
  EXPECT_THAT(get(rollout.id).status, HasSubstr("soaking for 60 s"));
  world.clock.pass_ms(59'000);
  world.tick();
  EXPECT_TRUE(told().empty());
  world.clock.pass_ms(1'000);
  world.tick();
  EXPECT_EQ(told().size(), 4u);
}

TEST_F(RolloutTest, AFailingCanaryStopsIt) {
  all_run("1.0.0");
  world.publish("1.1.0", noise(5000, 2));
  auto const rollout = create(rollout_of("1.1.0", {20, 100}));
  world.clock.pass_ms(world.config().delta_wait_ms);
  world.tick();
  auto const canary = told();
  ASSERT_EQ(canary.size(), 1u);
  canary[0].first->fail_trial(canary[0].second);
  world.tick();
  auto const stopped = get(rollout.id);
  EXPECT_EQ(stopped.state, RolloutState::failed);
  EXPECT_THAT(stopped.status, HasSubstr("1 of 1 finished attempts failed (100 %, limit 1 %"));
  EXPECT_THAT(stopped.status, HasSubstr("accuracy dropped 7.2 points, limit 5"));
  EXPECT_EQ(stopped.phases[1].count(AttemptState::cancelled), 4u);
  EXPECT_TRUE(told().empty()) << "nobody else is told";
  expect_counts_exact(rollout.id);
}

TEST_F(RolloutTest, SendsTheFleetBackWhenItFailsLate) {
  all_run("1.0.0");
  world.publish("1.1.0", noise(5000, 2));
  auto request = rollout_of("1.1.0", {60, 100});
  request.on_failure = OnFailure::rollback;
  request.abort.threshold_percent = 30;
  auto const rollout = create(request);
  world.clock.pass_ms(world.config().delta_wait_ms);
  world.tick();
  auto first = told();
  ASSERT_EQ(first.size(), 3u);
  for (auto& [device, hint] : first) device->update(hint, "1.1.0");
  world.tick();
  auto second = told();
  ASSERT_EQ(second.size(), 2u);
  for (auto& [device, hint] : second) device->fail_trial(hint);
  world.tick();
  EXPECT_EQ(get(rollout.id).state, RolloutState::rolling_back);
  auto back = told();
  ASSERT_EQ(back.size(), 3u);
  for (auto& [device, hint] : back) {
    EXPECT_EQ(hint.op, "update");
    device->update(hint, "1.0.0");
  }
  world.tick();
  auto const done = get(rollout.id);
  EXPECT_EQ(done.state, RolloutState::rolled_back);
  EXPECT_THAT(done.status, HasSubstr("5 of 5 devices ended on the release before"));
  EXPECT_EQ(done.counts[static_cast<size_t>(AttemptState::rolled_back)], 5u);
  for (auto& device : devices) EXPECT_EQ(device.running(), "1.0.0");
  expect_counts_exact(rollout.id);
}

TEST_F(RolloutTest, TimesOutAndTriesAgain) {
  auto request = rollout_of("1.0.0");
  request.filter = "id==cam-1";
  request.retries = 1;
  request.in_progress_timeout_s = 10;
  auto const rollout = create(request);
  world.tick();
  auto const hint = devices[0].hint();
  devices[0].report(hint, AttemptState::downloading);
  world.clock.pass_ms(10'000);
  world.tick();
  auto const hints = world.mailbox.take("cam-1");
  ASSERT_EQ(hints.size(), 2u) << "the old attempt is withdrawn, a new one offered";
  auto const again = hints[0].op == "update" ? hints[0] : hints[1];
  EXPECT_EQ(again.op, "update");
  EXPECT_EQ(again.attempt, hint.attempt + 1);
  EXPECT_EQ(get(rollout.id).state, RolloutState::running);
  EXPECT_EQ(ack_of(devices[0].report(hint, AttemptState::verifying)).error, "terminal_state");
  world.clock.pass_ms(10'000);
  world.tick();
  auto const stopped = get(rollout.id);
  EXPECT_EQ(stopped.state, RolloutState::failed);
  EXPECT_EQ(stopped.phases[0].count(AttemptState::timed_out), 1u) << "the device counts once";
  expect_counts_exact(rollout.id);
}

TEST_F(RolloutTest, PauseHoldsWhatWasNotStarted) {
  auto const rollout = create(rollout_of("1.0.0", {20, 100}));
  world.tick();
  auto const canary = told();
  ASSERT_TRUE(world.service().rollouts().pause(rollout.id, std::nullopt));
  canary.at(0).first->update(canary[0].second, "1.0.0");
  world.tick();
  EXPECT_TRUE(told().empty());
  EXPECT_FALSE(world.service().rollouts().pause(rollout.id, std::nullopt)) << "it is paused";
  auto const paused = get(rollout.id);
  EXPECT_EQ(world.service().rollouts().resume(rollout.id, paused.rev - 1).error().code,
            Code::conflict);
  ASSERT_TRUE(world.service().rollouts().resume(rollout.id, paused.rev));
  world.tick();
  EXPECT_EQ(told().size(), 4u);
}

TEST_F(RolloutTest, AbortCancelsWhatIsNotInstalledYet) {
  auto const rollout = create(rollout_of("1.0.0", {80, 100}));
  world.tick();
  auto active = told();
  ASSERT_EQ(active.size(), 4u);
  auto& [downloads, download_hint] = active[0];
  auto& [installs, install_hint] = active[1];
  downloads->report(download_hint, AttemptState::downloading);
  installs->report(install_hint, AttemptState::installing);
  auto const aborted = world.service().rollouts().abort(rollout.id, std::nullopt);
  ASSERT_TRUE(aborted) << aborted.error().what;
  EXPECT_EQ(aborted->state, RolloutState::cancelled);
  EXPECT_EQ(aborted->counts[static_cast<size_t>(AttemptState::cancelled)], 3u)
      << "one queued, two that had not answered";
  world.tick();
  auto const cancel = downloads->hint();
  EXPECT_EQ(cancel.op, "cancel");
  EXPECT_EQ(cancel.rev, download_hint.rev + 1);
  EXPECT_EQ(ack_of(downloads->report(download_hint, AttemptState::verifying)).error,
            "version_mismatch");
  EXPECT_EQ(ack_of(downloads->report(cancel, AttemptState::cancelled)).error, "");
  installs->report(install_hint, AttemptState::trial);
  installs->runs("1.0.0");
  EXPECT_EQ(ack_of(installs->report(install_hint, AttemptState::succeeded)).error, "");
  world.tick();
  expect_counts_exact(rollout.id);
  EXPECT_EQ(get(rollout.id).counts[static_cast<size_t>(AttemptState::succeeded)], 1u);
}

TEST_F(RolloutTest, AnAbortFreesTheDevicesThoughAnotherOperatorHoldsTheRollout) {
  for (int i = 0; i < 30; ++i) {
    auto draft = rollout_of("1.0.0");
    draft.start = false;
    auto const rollout = create(draft);
    std::thread starter(
        [&] { std::ignore = world.service().rollouts().start(rollout.id, rollout.rev); });
    auto const aborted = world.service().rollouts().abort(rollout.id, std::nullopt);
    starter.join();
    ASSERT_TRUE(aborted) << aborted.error().what;
    EXPECT_EQ(aborted->counts[static_cast<size_t>(AttemptState::cancelled)], 5u) << i;
    ASSERT_EQ(get(rollout.id).state, RolloutState::cancelled);
  }
}

TEST_F(RolloutTest, ADeviceThatInstallsAlreadyIsBelievedAfterAnAbort) {
  auto const rollout = create(rollout_of("1.0.0"));
  world.tick();
  auto active = told();
  auto& [device, hint] = active.at(0);
  device->report(hint, AttemptState::verifying);
  ASSERT_TRUE(world.service().rollouts().abort(rollout.id, std::nullopt));
  EXPECT_EQ(ack_of(device->report(hint, AttemptState::installing)).error, "")
      << "it had not heard of the wish to cancel";
  device->runs("1.0.0");
  EXPECT_EQ(ack_of(device->report(hint, AttemptState::succeeded)).error, "");
  world.tick();
  EXPECT_EQ(get(rollout.id).counts[static_cast<size_t>(AttemptState::succeeded)], 1u);
  expect_counts_exact(rollout.id);
}

TEST_F(RolloutTest, DryRunSaysWhoIsInAndWhyNot) {
  devices[0].runs("1.0.0");
  devices[0].hello();
  proto::Requires other;
  other.hardware_ids = {"bus"};
  world.publish("2.0.0", noise(100, 3), {.parent = {}, .requires_ = other});
  auto const plan = *world.service().rollouts().dry_run(rollout_of("1.0.0", {1, 50, 100}));
  EXPECT_EQ(plan.devices, 4u);
  ASSERT_EQ(plan.phases.size(), 3u);
  EXPECT_EQ(plan.phases[0].devices, 1u) << "at least one";
  EXPECT_EQ(plan.phases[1].devices, 1u);
  EXPECT_EQ(plan.phases[2].devices, 2u);
  ASSERT_EQ(plan.excluded.size(), 1u);
  EXPECT_EQ(plan.excluded[0].device, "cam-1");
  EXPECT_EQ(plan.excluded[0].reason, "already runs it");
  auto const none = world.service().rollouts().create(rollout_of("2.0.0"));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::invalid);

  auto const active = create(rollout_of("1.0.0"));
  auto const second = *world.service().rollouts().dry_run(rollout_of("1.0.0"));
  EXPECT_EQ(second.devices, 0u) << "one active attempt per device and component";
  EXPECT_EQ(second.excluded.at(1).reason, "has an active attempt of another rollout");
  ASSERT_TRUE(world.service().releases().yank(ic(), version("1.0.0"), "bad weights"));
  EXPECT_EQ(world.service().rollouts().dry_run(rollout_of("1.0.0")).error().code, Code::conflict);
}

TEST_F(RolloutTest, ADeviceFoundOnTheOldReleaseCountsAsFailed) {
  auto request = rollout_of("1.0.0", {20, 100});
  request.phases[0].soak_s = 60;
  auto const rollout = create(request);
  world.tick();
  auto const canary = told();
  canary.at(0).first->update(canary[0].second, "1.0.0");
  world.tick();
  canary[0].first->runs("");
  canary[0].first->reboot();
  canary[0].first->hello();
  world.tick();
  auto const stopped = get(rollout.id);
  EXPECT_EQ(stopped.state, RolloutState::failed);
  EXPECT_THAT(stopped.status, HasSubstr("found on no release after it had succeeded"));
}

TEST_F(RolloutTest, RevokedDevicesAreOutAndTheRolloutEnds) {
  auto const rollout = create(rollout_of("1.0.0"));
  world.tick();
  auto active = told();
  ASSERT_EQ(active.size(), 5u);
  for (size_t i = 1; i < 5; ++i) active[i].first->update(active[i].second, "1.0.0");
  ASSERT_TRUE(world.service().devices().revoke(active[0].first->id()));
  world.tick();
  EXPECT_TRUE(proto::ended(get(rollout.id).state));
  EXPECT_EQ(world.service().devices().get(active[0].first->id()).error().code, Code::not_found);
  EXPECT_EQ(world.service().director().authorise(active[0].first->id()).error().code, Code::denied);
}

TEST_F(RolloutTest, ContinuesAfterTheServerWasKilledAtAnyStep) {
  auto const rollout = create(rollout_of("1.0.0", {20, 60, 100}));
  for (int round = 0; round < 3; ++round) {
    world.restart();
    world.tick();
    world.restart();
    for (auto& [device, hint] : told()) {
      for (auto state :
           {AttemptState::downloading, AttemptState::installing, AttemptState::trial}) {
        device->report(hint, state);
        world.restart();
      }
      device->runs("1.0.0");
      device->report(hint, AttemptState::succeeded);
    }
  }
  world.restart();
  world.tick();
  EXPECT_EQ(get(rollout.id).state, RolloutState::succeeded);
  expect_counts_exact(rollout.id);
}

TEST_F(RolloutTest, AHintThatWasLostIsSentAgain) {
  create(rollout_of("1.0.0"));
  world.tick();
  EXPECT_EQ(told().size(), 5u);
  world.clock.pass_ms(world.config().hint_repeat_ms - 1);
  world.tick();
  EXPECT_TRUE(told().empty());
  world.clock.pass_ms(1);
  world.tick();
  EXPECT_EQ(told().size(), 5u);
  auto const answer = hint_in(devices[0].hello());
  ASSERT_TRUE(answer) << "a hello is answered with the work";
  EXPECT_EQ(answer->op, "update");
}

}  // namespace
}  // namespace godwit::test
