// What happens without anybody asking: the scheduler's tick and the delta worker.
// Any number of servers may run both: rows are taken with SKIP LOCKED.
#pragma once

#include <atomic>
#include <functional>
#include <map>

#include "server/service/delta_worker.h"
#include "server/service/device_link.h"

namespace godwit::server {

class Jobs {
 public:
  explicit Jobs(Core& core) : core_(core), deltas_(core) {}

  /// One pass: timeouts, retries, phases, the abort rule, rollback and ends of every rollout that
  /// is not locked by another server; then due hints are sent, after their commit. The lease of a
  /// delta that is being made is renewed.
  auto tick(DeviceNotifier& notifier) -> Result<>;
  /// Takes one delta, makes, checks and publishes it; `pace` is called now and then, and may sleep.
  /// False when none is waiting.
  auto make_one_delta(std::function<void()> const& pace = {}) -> Result<bool> {
    return deltas_.make_one(pace);
  }
  /// What the metrics tell: how releases came to devices, and where deltas stand.
  struct Figures {
    std::vector<Traffic> traffic;
    std::vector<TagTraffic> tags;
    std::map<DeltaState, int64_t> deltas;
    std::map<std::string, int64_t> alarms;  // of every model, how many deltas failed
    int64_t certificates_expiring = 0;      // within 30 days, of devices
  };
  auto figures() -> Result<Figures>;

 private:
  Core& core_;
  DeltaWorker deltas_;
  std::atomic<int64_t> next_housekeeping_ms_ = 0;
};

}  // namespace godwit::server
