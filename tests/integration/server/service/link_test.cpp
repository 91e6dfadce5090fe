// What devices say, out of order, twice, wrongly, all at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <thread>

#include "proto/base/limits.h"
#include "tests/integration/server/service/world.h"

namespace godwit::test {
namespace {

class LinkTest : public ::testing::Test {
 protected:
  LinkTest() { world.publish("1.0.0", noise(2000, 1)); }

  auto start(size_t count, NewRollout request) -> Rollout {
    for (size_t i = 0; i < count; ++i) devices.emplace_back(world, "cam-" + std::to_string(i));
    for (auto& device : devices) device.hello();
    auto rollout = world.service().rollouts().create(request);
    EXPECT_TRUE(rollout) << rollout.error().what;
    world.tick();
    return *rollout;
  }
  auto get(int64_t id) -> Rollout { return *world.service().rollouts().get(id); }
  auto attempt(SimDevice& device) -> Attempt {
    return *world.service().devices().get(device.id())->attempt;
  }

  World world;
  std::deque<SimDevice> devices;
};

TEST_F(LinkTest, ReplaysChangeNothingAndAreAcknowledged) {
  start(1, rollout_of("1.0.0"));
  auto& device = devices[0];
  auto const hint = device.hint();
  auto const early = device.make_report(hint, AttemptState::downloading);
  auto const late = device.make_report(hint, AttemptState::installing);
  auto& link = world.service().device_link();
  EXPECT_EQ(ack_of(*link.on_job_report(device.id(), late)).seq, late.seq);
  auto const events = *world.service().events().last();
  EXPECT_EQ(ack_of(*link.on_job_report(device.id(), late)).error, "");
  EXPECT_EQ(ack_of(*link.on_job_report(device.id(), early)).error, "");
  EXPECT_EQ(attempt(device).state, AttemptState::installing);
  EXPECT_EQ(*world.service().events().last(), events);
}

TEST_F(LinkTest, WrongReportsGetTheReason) {
  start(1, rollout_of("1.0.0"));
  auto& device = devices[0];
  auto const hint = device.hint();
  auto unknown = hint;
  unknown.attempt = 99;
  EXPECT_EQ(ack_of(device.report(unknown, AttemptState::trial)).error, "unknown_attempt");
  auto other_rev = hint;
  other_rev.rev = 7;
  auto const mismatch = device.report(other_rev, AttemptState::trial);
  EXPECT_EQ(ack_of(mismatch).error, "version_mismatch");
  ASSERT_TRUE(hint_in(mismatch)) << "told again what is asked";
  EXPECT_EQ(hint_in(mismatch)->rev, hint.rev);
  EXPECT_EQ(ack_of(device.report(hint, AttemptState::timed_out)).error, "invalid_transition");
  auto const unproved = ack_of(device.report(hint, AttemptState::succeeded));
  EXPECT_EQ(unproved.error, "invalid_transition") << "it does not say that it runs 1.0.0";
  EXPECT_EQ(unproved.current, "notified");
  device.update(hint, "1.0.0");
  EXPECT_EQ(ack_of(device.report(hint, AttemptState::failed)).error, "terminal_state");
  device.reboot();
  EXPECT_EQ(ack_of(device.report(hint, AttemptState::succeeded)).error, "")
      << "the same last word again, after a restart";
}

TEST_F(LinkTest, HealthIsKeptWithTheAttempt) {
  start(1, rollout_of("1.0.0"));
  auto& device = devices[0];
  auto const hint = device.hint();
  proto::Health health;
  health.inferences = 249;
  health.labelled = 249;
  health.correct = 215;
  health.latency_us.add(1500);
  health.outputs = {1, 2, 3};
  health.psi = 0.01;
  device.report(hint, AttemptState::trial, [&](proto::JobReport& r) {
    r.health = health;
    r.bytes_received = 4106;
    r.transport = "delta";
    r.percent = 40;
  });
  device.report(hint, AttemptState::trial);
  auto const kept = attempt(device);
  ASSERT_TRUE(kept.health);
  EXPECT_EQ(kept.health->correct, 215u);
  EXPECT_EQ(kept.health->latency_us, health.latency_us);
  EXPECT_EQ(kept.health->outputs, health.outputs);
  EXPECT_EQ(kept.bytes_received, 4106u);
  EXPECT_EQ(kept.transport, "delta");
  EXPECT_EQ(get(kept.rollout).bytes_received, 4106u);
}

TEST_F(LinkTest, ADeviceThatLiesHarmsNobodyElse) {
  auto const rollout = start(3, rollout_of("1.0.0"));
  std::vector<UpMessage> batch;
  for (auto& device : devices) {
    auto report = device.make_report(device.hint(), AttemptState::downloading);
    report.bytes_received = INT64_MAX;
    report.message = std::string("a\0b\"{,}\\", 9);
    batch.push_back({device.id(), report});
  }
  EXPECT_EQ(world.service().device_link().on_batch(std::move(batch)).size(), 3u);
  EXPECT_EQ(attempt(devices[0]).message, "ab\"{,}\\");
  EXPECT_GT(get(rollout.id).bytes_received, 0u);
}

TEST_F(LinkTest, ADeviceThatLoopsIsStopped) {
  auto const rollout = start(1, rollout_of("1.0.0"));
  auto& device = devices[0];
  auto const hint = device.hint();
  std::string error;
  for (int i = 0; i < 100 && error.empty(); ++i)
    error = ack_of(device.report(hint, i % 2 ? AttemptState::downloading : AttemptState::verifying))
                .error;
  EXPECT_EQ(error, "terminal_state");
  EXPECT_EQ(attempt(device).state, AttemptState::failed);
}

TEST_F(LinkTest, HelloTellsWhatTheDeviceIs) {
  start(1, rollout_of("1.0.0"));
  auto const device = *world.service().devices().get(devices[0].id());
  EXPECT_TRUE(device.online);
  EXPECT_EQ(device.arch, "x86_64");
  EXPECT_EQ(device.ram_bytes, 8u << 20);
  EXPECT_TRUE(device.components.contains("ic"));
  EXPECT_TRUE(device.last_seen_at_ms);
}

TEST_F(LinkTest, ABatchIsOneTransactionAndEveryReportIsAnswered) {
  auto const rollout = start(20, rollout_of("1.0.0"));
  std::vector<UpMessage> batch;
  batch.push_back({*DeviceId::parse("stranger"), proto::Presence{1, true}});
  for (auto& device : devices) {
    auto const hint = device.hint();
    batch.push_back({device.id(), device.make_report(hint, AttemptState::downloading)});
    batch.push_back({device.id(), device.make_report(hint, AttemptState::trial)});
  }
  auto const answers = world.service().device_link().on_batch(std::move(batch));
  EXPECT_EQ(answers.size(), 40u);
  for (auto const& answer : answers) EXPECT_EQ(std::get<proto::Ack>(answer.content).error, "");
  EXPECT_EQ(get(rollout.id).counts[static_cast<size_t>(AttemptState::trial)], 20u);
}

/// Devices report from several threads while two servers tick: every attempt is counted once, and
/// no device is told twice.
TEST_F(LinkTest, RacesLeaveTheCountersExact) {
  constexpr size_t kDevices = 60;
  auto request = rollout_of("1.0.0", {10, 50, 100});
  request.abort.threshold_percent = 90;
  auto const rollout = start(kDevices, request);
  auto const second = world.open_service();
  std::atomic<bool> done = false;
  std::vector<std::thread> threads;
  for (auto* service : {&world.service(), second.get()})
    threads.emplace_back([&, service] {
      while (!done) {
        auto const outcome = service->jobs().tick(world.mailbox);
        EXPECT_TRUE(outcome) << outcome.error().what;
      }
    });
  std::atomic<size_t> finished = 0;
  for (size_t t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      for (int idle = 0; finished < kDevices && idle < 20'000; ++idle) {
        for (size_t i = t; i < kDevices; i += 3) {
          for (auto const& hint : world.mailbox.take(devices[i].id().str())) {
            devices[i].use(i % 2 ? *second : world.service());
            devices[i].update(hint, "1.0.0");
            ++finished;
          }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
  for (size_t i = 2; i < threads.size(); ++i) threads[i].join();
  done = true;
  threads[0].join();
  threads[1].join();
  world.tick();
  auto const end = get(rollout.id);
  EXPECT_EQ(finished, kDevices);
  EXPECT_EQ(end.state, RolloutState::succeeded) << end.status;
  EXPECT_EQ(end.counts[static_cast<size_t>(AttemptState::succeeded)], kDevices);
  EXPECT_EQ(world.mailbox.total(), kDevices) << "one hint each";
}

/// The same report from two threads at once counts once.
TEST_F(LinkTest, TheSameReportTwiceAtOnceCountsOnce) {
  auto const rollout = start(10, rollout_of("1.0.0"));
  auto& link = world.service().device_link();
  for (auto& device : devices) {
    auto const report = device.make_report(device.hint(), AttemptState::downloading);
    std::thread other([&] { EXPECT_TRUE(link.on_job_report(device.id(), report)); });
    EXPECT_TRUE(link.on_job_report(device.id(), report));
    other.join();
  }
  EXPECT_EQ(get(rollout.id).counts[static_cast<size_t>(AttemptState::downloading)], 10u);
}

TEST_F(LinkTest, AThousandDevicesAreCountedExactly) {
  constexpr size_t kDevices = 1200;
  auto request = rollout_of("1.0.0", {1, 100});
  request.abort.threshold_percent = 60;
  request.abort.min_executed = 100;
  request.phases[1].success_percent = 50;
  auto const rollout = start(kDevices, request);
  EXPECT_EQ(rollout.phases[0].devices, 12u);
  auto& link = world.service().device_link();
  size_t told = 0;
  for (int round = 0; round < 3; ++round) {
    std::vector<UpMessage> batch;
    for (size_t i = 0; i < kDevices; ++i)
      for (auto const& hint : world.mailbox.take(devices[i].id().str())) {
        ++told;
        bool const fails = round > 0 && i % 3 == 0;
        batch.push_back({devices[i].id(), devices[i].make_report(hint, AttemptState::trial)});
        if (!fails) devices[i].runs("1.0.0");
        batch.push_back(
            {devices[i].id(), devices[i].make_report(hint, fails ? AttemptState::rolled_back
                                                                 : AttemptState::succeeded)});
      }
    link.on_batch(std::move(batch));
    world.tick();
  }
  EXPECT_EQ(told, kDevices);
  auto const end = get(rollout.id);
  EXPECT_EQ(end.state, RolloutState::succeeded) << end.status;
  auto const counted = *world.database->transact([&](Tx& tx) -> Result<std::vector<uint64_t>> {
    auto const rows = tx.run(
        "SELECT count(*) FILTER (WHERE state = 'succeeded'),"
        " count(*) FILTER (WHERE state = 'rolled_back') FROM attempt WHERE rollout_id = $1",
        {rollout.id});
    auto row = rows[0];
    auto const succeeded = row.natural();
    return std::vector<uint64_t>{succeeded, row.natural()};
  });
  EXPECT_EQ(end.counts[static_cast<size_t>(AttemptState::succeeded)], counted[0]);
  EXPECT_EQ(end.counts[static_cast<size_t>(AttemptState::rolled_back)], counted[1]);
  EXPECT_EQ(counted[0] + counted[1], kDevices);
}

}  // namespace
}  // namespace godwit::test
