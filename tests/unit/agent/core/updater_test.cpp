// How the updater answers what the server, the network and time do to it. Its roads and power cuts
// are in tests/powercut.
#include "agent/core/updater.h"

#include <gtest/gtest.h>

#include "proto/wire/codes.h"
#include "tests/powercut/sim/sim_device.h"

namespace godwit::agent::sim {
namespace {

using proto::AttemptState;
namespace codes = proto::codes;

/// A device that runs 1.0.0, and a server that holds 1.1.0.
auto updatable(Behaviour const& behaviour = {}) -> World {
  World world;
  world.server.publish(make_model("one", {}), {.version = "1.0.0"});
  world.server.assign("1.0.0");
  EXPECT_EQ(run_to_end(world), Outcome::settled);
  world.server.publish(make_model("two", behaviour), {.version = "1.1.0"});
  return world;
}

auto running(World& world) -> std::string {
  auto const held = SlotsOf(world)->identify(the_model());
  return held.running ? held.running->version : "";
}

void step_until(SimDevice& device, World& world, AttemptState state) {
  for (int i = 0; i < 500 && world.server.attempt().state != state; ++i) device.step();
  ASSERT_EQ(world.server.attempt().state, state);
}

TEST(Updater, CancelsBeforeTheSlotsAreWritten) {
  auto world = updatable();
  world.server.assign("1.1.0");
  SimDevice device(world);
  ASSERT_TRUE(device.start());
  step_until(device, world, AttemptState::downloading);
  world.server.cancel();
  step_until(device, world, AttemptState::cancelled);
  EXPECT_EQ(world.server.attempt().last.code, codes::kCancelled);
  EXPECT_EQ(running(world), "1.0.0");
  EXPECT_TRUE(world.server.violations.empty());
}

TEST(Updater, GoesOnWhenItIsCancelledTooLate) {
  auto world = updatable();
  world.server.assign("1.1.0");
  SimDevice device(world);
  ASSERT_TRUE(device.start());
  step_until(device, world, AttemptState::trial);
  world.server.cancel();
  step_until(device, world, AttemptState::succeeded);
  EXPECT_EQ(running(world), "1.1.0");
}

TEST(Updater, CancelsAnAttemptThatItNeverBegan) {
  auto world = updatable();
  world.server.assign("1.1.0");
  world.server.to_device.clear();
  world.server.cancel();
  EXPECT_EQ(run_to_end(world), Outcome::settled);
  EXPECT_EQ(world.server.attempt().state, AttemptState::cancelled);
}

TEST(Updater, TakesBackATrialThatKeepsCrashing) {
  auto world = updatable({.crashes = true});
  world.server.assign("1.1.0");
  int starts = 0;
  auto outcome = Outcome::power_lost;
  while (outcome == Outcome::power_lost && starts < 10) {
    world.files.power_on();
    outcome = run_to_end(world);
    ++starts;
  }
  EXPECT_EQ(outcome, Outcome::settled);
  EXPECT_EQ(starts, ModelSlots::kTrialStarts + 1);  // the last one takes it back
  EXPECT_EQ(world.server.attempt().state, AttemptState::rolled_back);
  EXPECT_EQ(world.server.attempt().last.code, codes::kTrialCrash);
  EXPECT_EQ(running(world), "1.0.0");
}

TEST(Updater, ASelfTestThatDiesFailsTheAttempt) {
  auto world = updatable({.child_dies = true});
  world.server.assign("1.1.0");
  EXPECT_EQ(run_to_end(world), Outcome::settled);
  EXPECT_EQ(world.server.attempt().state, AttemptState::failed);
  EXPECT_EQ(world.server.attempt().last.code, codes::kSelfTestCrash);
  EXPECT_EQ(running(world), "1.0.0");
}

TEST(Updater, TakesBackATrialThatSeesNoInputs) {
  auto world = updatable({.starves = true});
  world.server.assign("1.1.0");
  SimDevice device(world);
  ASSERT_TRUE(device.start());
  for (int i = 0; i < 20'000 && !proto::ended(world.server.attempt().state); ++i) device.step();
  EXPECT_EQ(world.server.attempt().state, AttemptState::rolled_back);
  EXPECT_EQ(world.server.attempt().last.code, codes::kTrialTimeout);
  EXPECT_EQ(running(world), "1.0.0");
}

TEST(Updater, RejectsWhatTheDirectorDidNotSign) {
  auto world = updatable();
  world.server.assign("1.1.0");
  world.server.forge_director();
  EXPECT_EQ(run_to_end(world), Outcome::settled);
  EXPECT_EQ(world.server.attempt().state, AttemptState::rejected);
  EXPECT_EQ(world.server.attempt().last.code, codes::kMetadata);
  EXPECT_EQ(running(world), "1.0.0");
  EXPECT_EQ(world.server.bytes_served, 0u);
}

TEST(Updater, SurvivesANetworkThatComesAndGoes) {
  auto world = updatable();
  world.server.assign("1.1.0");
  world.server.fail_fetches(5);
  EXPECT_EQ(run_to_end(world), Outcome::settled);
  EXPECT_EQ(world.server.attempt().state, AttemptState::succeeded);
}

TEST(Updater, GivesUpADownloadThatNeverGoesOn) {
  auto world = updatable();
  world.server.assign("1.1.0");
  SimDevice device(world);
  ASSERT_TRUE(device.start());
  step_until(device, world, AttemptState::downloading);
  world.server.fail_fetches(1000);
  step_until(device, world, AttemptState::failed);
  EXPECT_EQ(world.server.attempt().last.code, codes::kNetwork);
}

TEST(Updater, ResumesADownloadWhereItStopped) {
  auto world = updatable();
  world.server.assign("1.1.0");
  {
    SimDevice device(world);
    ASSERT_TRUE(device.start());
    step_until(device, world, AttemptState::downloading);
    device.step();
    device.step();
    world.files.power_off(Loss::all);
  }
  ASSERT_GT(world.server.bytes_served, 0u);
  world.files.power_on();
  EXPECT_EQ(run_to_end(world), Outcome::settled);
  // This server's ranges end inside sealed segments: what is left of one is not trusted.
  EXPECT_LT(world.server.bytes_served - world.server.attempt().last.bytes_received,
            proto::kSealedSegmentBytes);
}

TEST(Updater, RepeatsAnEndUntilItIsHeard) {
  auto world = updatable({.golden_good = false});
  world.server.assign("1.1.0");
  SimDevice device(world);
  ASSERT_TRUE(device.start());
  step_until(device, world, AttemptState::downloading);
  world.server.mute(true);
  for (int i = 0; i < 50; ++i) device.step();
  EXPECT_FALSE(device.updater().status().acknowledged);
  world.server.mute(false);
  step_until(device, world, AttemptState::failed);
  for (int i = 0; i < 5; ++i) device.step();
  EXPECT_TRUE(device.updater().status().acknowledged);
}

TEST(Updater, TellsTheEndAgainAfterARestart) {
  auto world = updatable();
  world.server.assign("1.1.0");
  {
    SimDevice device(world);
    ASSERT_TRUE(device.start());
    step_until(device, world, AttemptState::trial);
    world.server.mute(true);
    for (int i = 0; i < 50; ++i) device.step();
    EXPECT_EQ(device.updater().status().attempt->state, AttemptState::succeeded);
  }
  world.server.mute(false);
  EXPECT_EQ(run_to_end(world), Outcome::settled);
  EXPECT_EQ(world.server.attempt().state, AttemptState::succeeded);
  EXPECT_TRUE(world.server.attempt().last.health.has_value());
}

TEST(Updater, CarriesHealthWithTheEnd) {
  auto world = updatable({.percent_correct = 85});
  world.server.assign("1.1.0");
  EXPECT_EQ(run_to_end(world), Outcome::settled);
  auto const& health = *world.server.attempt().last.health;
  EXPECT_EQ(health.inferences, 100u);
  EXPECT_EQ(health.correct, 85u);
  EXPECT_NEAR(*health.accuracy_drop_points, 2, 1e-9);
  EXPECT_NEAR(*health.psi, 0, 1e-9);
  EXPECT_EQ(health.latency_us.count(), 100u);
}

TEST(Updater, ComparesWithTheReleaseThatARollBackBroughtBack) {
  auto world = updatable({.percent_correct = 50});
  world.server.assign("1.1.0");
  ASSERT_EQ(run_to_end(world), Outcome::settled);
  ASSERT_EQ(world.server.attempt().state, AttemptState::rolled_back);
  world.server.publish(make_model("three", {.percent_correct = 84}), {.version = "1.2.0"});
  world.server.assign("1.2.0");
  ASSERT_EQ(run_to_end(world), Outcome::settled);
  EXPECT_NEAR(*world.server.attempt().last.health->accuracy_drop_points, 3, 1e-9);
}

TEST(Updater, DropsAndCountsMalformedMessages) {
  auto world = updatable();
  SimDevice device(world);
  ASSERT_TRUE(device.start());
  for (auto const* payload : {"", "{}", "[1]", "\xff", "{\"v\":1,\"attempt\":0}"}) {
    device.updater().on_message(proto::Down::job, payload);
    device.updater().on_message(proto::Down::ack, payload);
  }
  device.step();
  EXPECT_EQ(device.updater().status().messages_dropped, 10u);
}

TEST(Updater, AFloodOfHintsIsBounded) {
  auto world = updatable();
  SimDevice device(world);
  ASSERT_TRUE(device.start());
  for (AttemptNo n = 100; n < 200; ++n)
    for (int repeated = 0; repeated < 2; ++repeated)
      device.updater().on_message(proto::Down::job,
                                  proto::encode(proto::JobHint{n, 1, "update", "ic", 0}));
  EXPECT_EQ(device.updater().status().messages_dropped, 2u * 92u);
}

TEST(Updater, EpochsRiseAndNeverStartBelowAWipedDevicesPast) {
  World world;
  SimDevice first(world);
  ASSERT_TRUE(first.start());
  EXPECT_EQ(first.updater().epoch(), 1'800'000'000u);  // of the clock, in seconds
  SimDevice second(world);
  ASSERT_TRUE(second.start());
  EXPECT_EQ(second.updater().epoch(), 1'800'000'001u);
  auto const will = proto::decode_presence(second.updater().will());
  ASSERT_TRUE(will);
  EXPECT_EQ(will->epoch, 1'800'000'001u);
  EXPECT_FALSE(will->online);
}

TEST(Updater, ADamagedRunningReleaseFallsBackToTheOtherSlot) {
  auto world = updatable();
  world.server.assign("1.1.0");
  ASSERT_EQ(run_to_end(world), Outcome::settled);
  world.files.damage("slot.ic.b", 1000);
  SimDevice device(world);
  ASSERT_TRUE(device.start());
  EXPECT_EQ(running(world), "1.0.0");
  EXPECT_EQ(device.running(), world.server.plain("1.0.0"));
}

TEST(Updater, WhatWasKeptOfAModelServesEveryStart) {
  auto world = updatable();
  world.server.assign("1.1.0");
  ASSERT_EQ(run_to_end(world), Outcome::settled);
  auto const packed = world.packed;
  EXPECT_EQ(packed, 2) << "once for each release, when it first ran";
  for (int i = 0; i < 2; ++i) {
    SimDevice device(world);
    ASSERT_TRUE(device.start());
    EXPECT_EQ(world.packed, packed);
  }
  world.files.damage("kept.ic", 200);
  for (int i = 0; i < 2; ++i) {
    SimDevice device(world);
    ASSERT_TRUE(device.start());
    EXPECT_EQ(device.running(), world.server.plain("1.1.0"));
    EXPECT_EQ(world.packed, packed + 1) << "and it is kept anew";
  }
  world.form = ModelFiles::Form::plain;
  SimDevice device(world);
  ASSERT_TRUE(device.start());
  EXPECT_EQ(world.packed, packed + 2) << "what lies in the other form is not taken";
}

TEST(Updater, ALostStorageKeyCostsTheFullRelease) {
  auto world = updatable();
  world.server.assign("1.1.0");
  ASSERT_EQ(run_to_end(world), Outcome::settled);
  world.storage_key = proto::ContentKey::generate();
  {
    SimDevice device(world);
    ASSERT_TRUE(device.start());
    EXPECT_TRUE(device.running().empty());
    EXPECT_EQ(running(world), "") << "and so the server is told";
  }
  world.server.publish(make_model("three", {}), {.version = "1.2.0"});
  world.server.assign("1.2.0", SimServer::Delta::blocks, {"1.1.0"});
  ASSERT_EQ(run_to_end(world), Outcome::settled);
  EXPECT_EQ(world.server.attempt().last.transport, "full");
  EXPECT_EQ(running(world), "1.2.0");
}

TEST(Updater, ADamagedOtherSlotIsDownloadedInstead) {
  auto world = updatable();
  world.server.assign("1.1.0");
  ASSERT_EQ(run_to_end(world), Outcome::settled);
  world.files.damage("slot.ic.a", 1000);
  world.server.publish(make_model("one", {}), {.version = "1.2.0"});
  world.server.assign("1.2.0");
  ASSERT_EQ(run_to_end(world), Outcome::settled);
  EXPECT_EQ(world.server.attempt().last.transport, "full");
  EXPECT_EQ(running(world), "1.2.0");
}

TEST(Updater, ADamagedDeltaBaseFallsBackToTheFullRelease) {
  auto world = updatable();
  world.server.assign("1.1.0");
  ASSERT_EQ(run_to_end(world), Outcome::settled);
  world.files.damage("slot.ic.a", 1000);
  world.server.publish(make_model("three", {}), {.version = "1.2.0"});
  world.server.assign("1.2.0", SimServer::Delta::good, {"1.0.0"});
  ASSERT_EQ(run_to_end(world), Outcome::settled);
  EXPECT_EQ(world.server.attempt().last.transport, "full");
  EXPECT_EQ(running(world), "1.2.0");
}

TEST(Updater, LearnsTheRevThatTheServerKnowsItBy) {
  auto world = updatable();
  world.server.assign("1.1.0");
  SimDevice device(world);
  ASSERT_TRUE(device.start());
  step_until(device, world, AttemptState::downloading);
  world.server.raise_rev();
  step_until(device, world, AttemptState::succeeded);
  EXPECT_EQ(world.server.attempt().last.rev, 2u);
}

TEST(Updater, ANewAttemptReplacesOneThatIsStillDownloading) {
  auto world = updatable();
  world.server.publish(make_model("three", {}), {.version = "1.2.0"});
  world.server.assign("1.1.0");
  SimDevice device(world);
  ASSERT_TRUE(device.start());
  step_until(device, world, AttemptState::downloading);
  world.server.assign("1.2.0");
  step_until(device, world, AttemptState::succeeded);
  EXPECT_EQ(running(world), "1.2.0");
  EXPECT_TRUE(world.server.violations.empty());
}

TEST(Updater, AHintForAnotherComponentWaits) {
  auto world = updatable();
  world.server.assign("1.1.0");
  SimDevice device(world);
  ASSERT_TRUE(device.start());
  step_until(device, world, AttemptState::downloading);
  auto const fetched = world.server.director_version;
  auto const hint = proto::encode(proto::JobHint{50, 1, "update", "vww", 0});
  device.updater().on_message(proto::Down::job, hint);
  step_until(device, world, AttemptState::succeeded);
  EXPECT_EQ(world.server.director_version, fetched);
  for (int i = 0; i < 5; ++i) device.step();
  EXPECT_EQ(world.server.director_version, fetched + 1);
}

TEST(Updater, AJournalThatCannotBeReadTakesTheTrialBack) {
  auto world = updatable();
  world.server.assign("1.1.0");
  {
    SimDevice device(world);
    ASSERT_TRUE(device.start());
    step_until(device, world, AttemptState::trial);
    device.step();
    ASSERT_EQ(running(world), "1.1.0");
  }
  world.files.damage("journal", 0);
  SimDevice device(world);
  ASSERT_TRUE(device.start());
  EXPECT_EQ(running(world), "1.0.0");
  EXPECT_EQ(device.running(), world.server.plain("1.0.0"));
}

TEST(Updater, StopsAnAttemptThatOnlyEverRestarts) {
  auto world = updatable();
  world.server.assign("1.1.0");
  for (int i = 0; i < 200 && world.server.attempt().state != AttemptState::failed; ++i) {
    SimDevice device(world);
    ASSERT_TRUE(device.start());
    device.step();
  }
  EXPECT_EQ(world.server.attempt().state, AttemptState::failed);
  EXPECT_EQ(world.server.attempt().last.code, codes::kInternal);
  EXPECT_EQ(running(world), "1.0.0");
}

}  // namespace
}  // namespace godwit::agent::sim
