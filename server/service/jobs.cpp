#include "server/service/jobs.h"

#include <algorithm>

#include "server/service/core.h"
#include "server/service/hints.h"
#include "server/service/steering.h"
#include "server/storage/attempts.h"
#include "server/storage/certificates.h"
#include "server/storage/events.h"
#include "server/storage/rollouts.h"
#include "server/storage/tokens.h"
#include "server/storage/traffic.h"

namespace godwit::server {
namespace {

constexpr size_t kChunk = 1000;
constexpr size_t kTagSeriesMax = 50;  // tags with series of their own in the metrics
constexpr int64_t kHousekeepingMs = 3600 * 1000;
constexpr int64_t kRequestsKeptMs = 24 * kHousekeepingMs;
constexpr int64_t kUnusedArtifactsKeptMs = 24 * kHousekeepingMs;
constexpr size_t kCollectedMax = 100;  // in one transaction
constexpr int64_t kExpiringSoonMs = 30 * 24 * kHousekeepingMs;
constexpr int64_t kEventsKeptMs = 30 * 24 * kHousekeepingMs;

/// Devices told together spread their fetches: a hundred a second, within a minute.
auto jitter_ms(size_t devices) -> uint32_t {
  return devices <= 50 ? 0 : static_cast<uint32_t>(std::min<size_t>(devices * 10, 60'000));
}

auto time_out(Core& core) -> Result<> {
  for (size_t changed = kChunk; changed == kChunk;) {
    TRY(changed, core.database->transact([&](Tx& tx) -> Result<size_t> {
      return store::time_out(tx, kChunk, core.now_ms());
    }));
  }
  return {};
}

auto send_hints(Core& core, DeviceNotifier& notifier) -> Result<> {
  for (size_t sent = kChunk; sent == kChunk;) {
    TRY(auto const due, core.database->transact([&](Tx& tx) -> Result<std::vector<store::DueHint>> {
      return store::take_due_hints(tx, core.config.hint_repeat_ms, kChunk, core.now_ms());
    }));
    for (auto const& hint : due) {
      TRY(auto device, DeviceId::parse(hint.attempt.device));
      notifier.send({std::move(device), hint_of(hint.attempt, jitter_ms(hint.phase_devices))});
    }
    sent = due.size();
  }
  return {};
}

/// Uploads that no release came to name. The files go before the commit, while the rows' locks keep
/// anybody from naming them.
auto collect_artifacts(Core& core) -> Result<> {
  auto const before_ms = core.now_ms() - kUnusedArtifactsKeptMs;
  for (size_t collected = kCollectedMax; collected == kCollectedMax;) {
    TRY(collected, core.database->transact([&](Tx& tx) -> Result<size_t> {
      auto const files = store::collect_artifacts(tx, before_ms, kCollectedMax);
      for (auto const& file : files) TRY_VOID(core.artifacts.remove(file));
      return files.size();
    }));
  }
  return {};
}

}  // namespace

auto Jobs::tick(DeviceNotifier& notifier) -> Result<> {
  TRY_VOID(deltas_.renew_lease());
  TRY_VOID(time_out(core_));
  TRY(auto const ids, core_.database->transact([](Tx& tx) -> Result<std::vector<int64_t>> {
    return store::unsettled_rollouts(tx);
  }));
  // A rollout that fails to advance does not hold up the others; its error is told at the end.
  Result<> outcome;
  for (auto id : ids) {
    auto advanced = advance_rollout(core_, id).within("rollout " + std::to_string(id));
    if (!advanced) outcome = std::move(advanced);
  }
  TRY_VOID(send_hints(core_, notifier));
  if (core_.now_ms() >= next_housekeeping_ms_.load()) {
    next_housekeeping_ms_ = core_.now_ms() + kHousekeepingMs;
    TRY_VOID(core_.database->transact([&](Tx& tx) -> Result<> {
      store::forget_requests(tx, core_.now_ms() - kRequestsKeptMs);
      store::forget_events(tx, core_.now_ms() - kEventsKeptMs);
      return {};
    }));
    TRY_VOID(collect_artifacts(core_));
  }
  return outcome;
}

auto Jobs::figures() -> Result<Figures> {
  return core_.database->transact([&](Tx& tx) -> Result<Figures> {
    return Figures{store::sum_traffic(tx), store::sum_tag_traffic(tx, kTagSeriesMax),
                   store::count_deltas(tx), store::count_failed_deltas(tx),
                   store::certificates_expiring(tx, core_.now_ms() + kExpiringSoonMs)};
  });
}

}  // namespace godwit::server
