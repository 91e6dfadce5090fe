#include "server/domain/rollout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace godwit::server {
namespace {

using Kind = Decision::Kind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

auto phase(uint64_t devices, double success = 100, uint32_t soak_s = 0) -> Phase {
  Phase p;
  p.devices = devices;
  p.success_percent = success;
  p.soak_s = soak_s;
  p.counts[static_cast<size_t>(AttemptState::queued)] = devices;
  return p;
}

/// Moves queued devices of a phase to another state.
void move(Phase& p, AttemptState to, uint64_t count) {
  p.counts[static_cast<size_t>(AttemptState::queued)] -= count;
  p.counts[static_cast<size_t>(to)] += count;
}

auto running(std::vector<Phase> phases) -> Rollout {
  Rollout r;
  r.model = "ic";
  r.version = "1.1.0";
  r.state = RolloutState::running;
  r.phase = 1;
  r.phases = std::move(phases);
  for (auto const& p : r.phases) r.devices += p.devices;
  return r;
}

TEST(PhaseSizes, AreCumulativeAndHoldEveryDevice) {
  EXPECT_THAT(phase_sizes({20, 100}, 5), ElementsAre(1, 4));
  EXPECT_THAT(phase_sizes({1, 100}, 5), ElementsAre(1, 4)) << "at least one";
  EXPECT_THAT(phase_sizes({1, 10, 100}, 1), ElementsAre(1, 0, 0));
  EXPECT_THAT(phase_sizes({33.3, 66.6, 100}, 3), ElementsAre(1, 1, 1));
  EXPECT_THAT(phase_sizes({50}, 5), ElementsAre(3)) << "the last may end below 100";
  EXPECT_THAT(phase_sizes({20, 100}, 0), ElementsAre(0, 0));
  for (uint64_t devices = 1; devices < 2000; ++devices) {
    auto const sizes = phase_sizes({1, 5, 20, 50, 100}, devices);
    uint64_t sum = 0;
    for (auto size : sizes) sum += size;
    ASSERT_EQ(sum, devices);
    ASSERT_GE(sizes[0], 1u);
  }
}

TEST(Order, IsStableAndOfTheRelease) {
  std::vector<std::string> devices;
  for (int i = 0; i < 100; ++i) devices.push_back("cam-" + std::to_string(i));
  Release release;
  release.model = "ic";
  release.version = "1.0.0";
  auto first = devices;
  order_for_phases(release, first);
  auto again = devices;
  std::reverse(again.begin(), again.end());
  order_for_phases(release, again);
  EXPECT_EQ(first, again) << "whatever the order they come in";
  release.version = "1.1.0";
  auto other = devices;
  order_for_phases(release, other);
  EXPECT_NE(first, other) << "nobody is always the canary";
  EXPECT_EQ(std::set(first.begin(), first.end()), std::set(devices.begin(), devices.end()));
}

TEST(Phases, AreChecked) {
  auto const with = [](std::vector<double> percents) {
    std::vector<Phase> phases;
    for (double percent : percents) {
      phases.emplace_back();
      phases.back().percent = percent;
    }
    return phases;
  };
  EXPECT_TRUE(check_phases(with({20, 100})));
  for (auto const& wrong : {with({}), with({0}), with({101}), with({50, 50}), with({50, 20}),
                            with({-1}), with({std::nan("")})})
    EXPECT_FALSE(check_phases(wrong));
  auto success = with({100});
  success[0].success_percent = 101;
  EXPECT_FALSE(check_phases(success));
}

TEST(Exclusion, GivesTheReason) {
  Release release;
  release.version = "1.1.0";
  release.requires_.hardware_ids = {"cam-v2"};
  release.requires_.ram_bytes = 100;
  Candidate device;
  device.view = {"cam-v2", "aarch64", 1, 100, 100};
  EXPECT_EQ(excluded_because(release, device), std::nullopt);
  device.running_version = "1.1.0";
  EXPECT_EQ(excluded_because(release, device), "already runs it");
  device.running_version = "1.0.0";
  device.busy = true;
  EXPECT_THAT(*excluded_because(release, device), HasSubstr("active attempt"));
  device.busy = false;
  device.view.hardware_id = "bus";
  EXPECT_TRUE(excluded_because(release, device));
  device.view.hardware_id = "cam-v2";
  device.view.ram_bytes = 99;
  EXPECT_TRUE(excluded_because(release, device));
}

TEST(Decide, StartsTheNextPhaseWhenEnoughSucceeded) {
  auto r = running({phase(10, 80), phase(90)});
  EXPECT_EQ(decide(r, 0).kind, Kind::wait);
  move(r.phases[0], AttemptState::succeeded, 7);
  EXPECT_EQ(decide(r, 0).kind, Kind::wait);
  move(r.phases[0], AttemptState::succeeded, 1);
  auto const next = decide(r, 0);
  EXPECT_EQ(next.kind, Kind::start_phase);
  EXPECT_EQ(next.status, "phase 1: 8 of 10 succeeded (80 %, wanted 80 %); phase 2 started");
}

TEST(Decide, SoaksFirst) {
  auto r = running({phase(1, 100, 60), phase(4)});
  move(r.phases[0], AttemptState::succeeded, 1);
  EXPECT_EQ(decide(r, 1000).kind, Kind::reached);
  r.phases[0].reached_at_ms = 1000;
  EXPECT_EQ(decide(r, 60'999).kind, Kind::wait);
  EXPECT_EQ(decide(r, 61'000).kind, Kind::start_phase);
}

TEST(Decide, ALostSuccessEndsTheSoak) {
  auto r = running({phase(2, 50, 60), phase(4)});
  r.abort.min_executed = 100;
  r.phases[0].reached_at_ms = 1000;
  move(r.phases[0], AttemptState::trial, 1);
  EXPECT_EQ(decide(r, 2000).kind, Kind::fell_back);
}

TEST(Decide, EndsWhenAllPhasesHaveEnded) {
  auto r = running({phase(2, 50), phase(2)});
  r.phase = 2;
  move(r.phases[0], AttemptState::succeeded, 1);
  move(r.phases[0], AttemptState::trial, 1);
  move(r.phases[1], AttemptState::succeeded, 2);
  EXPECT_EQ(decide(r, 0).kind, Kind::wait) << "a straggler of the first phase";
  r.phases[0].counts[static_cast<size_t>(AttemptState::trial)] = 0;
  r.phases[0].counts[static_cast<size_t>(AttemptState::succeeded)] = 2;
  auto const end = decide(r, 0);
  EXPECT_EQ(end.kind, Kind::succeed);
  EXPECT_EQ(end.status, "4 of 4 devices run ic 1.1.0");
}

TEST(Decide, AnEmptyPhaseIsPassed) {
  auto r = running({phase(1), phase(0)});
  move(r.phases[0], AttemptState::succeeded, 1);
  EXPECT_EQ(decide(r, 0).kind, Kind::start_phase);
  r.phase = 2;
  EXPECT_EQ(decide(r, 0).kind, Kind::succeed);
}

TEST(Decide, StopsWhenAPhaseCannotSucceedAnyMore) {
  auto r = running({phase(4, 80)});
  r.abort.threshold_percent = 90;
  move(r.phases[0], AttemptState::succeeded, 3);
  move(r.phases[0], AttemptState::cancelled, 1);
  auto const stop = decide(r, 0);
  EXPECT_EQ(stop.kind, Kind::stop);
  EXPECT_EQ(stop.status, "phase 1: 3 of 4 succeeded (75 %, wanted 80 %)");
}

struct AbortCase {
  std::vector<FailureType> types;
  double threshold;
  uint64_t min_executed;
  uint64_t succeeded, failed, rejected, timed_out, rolled_back;
  bool aborts;
};

TEST(AbortRule, CountsFailuresOverExecuted) {
  using enum FailureType;
  for (auto const& c : std::initializer_list<AbortCase>{
           {{all}, 1, 1, 0, 0, 0, 0, 0, false},
           {{all}, 1, 1, 99, 1, 0, 0, 0, true},
           {{all}, 1, 1, 199, 1, 0, 0, 0, false},
           {{all}, 50, 4, 0, 3, 0, 0, 0, false},
           {{all}, 50, 4, 0, 3, 1, 0, 0, true},
           {{all}, 50, 1, 1, 0, 0, 0, 1, true},
           {{failed}, 50, 1, 0, 0, 0, 5, 0, false},
           {{timed_out}, 50, 1, 5, 0, 0, 5, 0, true},
           {{rejected}, 50, 1, 0, 5, 0, 5, 0, false},
           {{rejected, timed_out}, 50, 1, 5, 1, 2, 4, 0, true},
           {{failed}, 50, 1, 1, 0, 0, 0, 1, true},
       }) {
    auto r = running({phase(1000)});
    r.abort = {c.threshold, c.min_executed, c.types};
    move(r.phases[0], AttemptState::succeeded, c.succeeded);
    move(r.phases[0], AttemptState::failed, c.failed);
    move(r.phases[0], AttemptState::rejected, c.rejected);
    move(r.phases[0], AttemptState::timed_out, c.timed_out);
    move(r.phases[0], AttemptState::rolled_back, c.rolled_back);
    EXPECT_EQ(abort_reason(r).has_value(), c.aborts);
    EXPECT_EQ(decide(r, 0).kind == Kind::stop, c.aborts);
    r.state = RolloutState::paused;
    EXPECT_EQ(decide(r, 0).kind, c.aborts ? Kind::stop : Kind::wait) << "paused";
  }
}

TEST(AbortRule, SaysValueLimitAndNumber) {
  auto r = running({phase(10)});
  move(r.phases[0], AttemptState::succeeded, 2);
  move(r.phases[0], AttemptState::rolled_back, 1);
  EXPECT_EQ(*abort_reason(r),
            "1 of 3 finished attempts failed (33.3 %, limit 1 % from 1 attempts on)");
}

TEST(Phase, CountsActiveAndFailed) {
  auto p = phase(20);
  for (auto state : {AttemptState::notified, AttemptState::deferred, AttemptState::downloading,
                     AttemptState::trial})
    move(p, state, 1);
  for (auto state : {AttemptState::failed, AttemptState::rejected, AttemptState::timed_out,
                     AttemptState::rolled_back, AttemptState::cancelled})
    move(p, state, 1);
  move(p, AttemptState::succeeded, 2);
  EXPECT_EQ(p.queued(), 9u);
  EXPECT_EQ(p.active(), 4u);
  EXPECT_EQ(p.failed(), 5u);
  EXPECT_EQ(p.succeeded(), 2u);
}

TEST(DeltaChoice, NeedsLessThanNinetyPercent) {
  EXPECT_FALSE(delta_rejected_because(899, 1000));
  EXPECT_TRUE(delta_rejected_because(900, 1000));
  EXPECT_TRUE(delta_rejected_because(0, 0));
  EXPECT_EQ(*delta_rejected_because(1200, 1000),
            "the delta has 1200 bytes, 120 % of the full release's 1000: the full release is "
            "sent");
}

}  // namespace
}  // namespace godwit::server
