// Makes deltas, one at a time; rows of the table delta are the queue.
#pragma once

#include <functional>
#include <mutex>
#include <optional>

#include "proto/base/result.h"
#include "server/domain/entities.h"

namespace godwit::server {

struct Core;

class DeltaWorker {
 public:
  explicit DeltaWorker(Core& core) : core_(core) {}

  /// Takes one waiting delta and finishes it: ready, rejected with the reason, or failed after some
  /// tries. False when none is waiting. By one thread, which calls `pace` now and then.
  auto make_one(std::function<void()> const& pace) -> Result<bool>;
  /// Keeps other servers from what is being made; to be called several times in kLeaseMs, by
  /// another thread. What a server that ended was making falls to others when its lease is over.
  auto renew_lease() -> Result<>;

  static constexpr int64_t kLeaseMs = 60'000;
  /// Begun, not failed: a server may end in the middle.
  static constexpr int kTriesMax = 3;

 private:
  auto take() -> Result<std::optional<Delta>>;

  Core& core_;
  std::mutex mutex_;
  std::optional<Delta> in_hand_;
  int64_t renew_at_ms_ = 0;
};

}  // namespace godwit::server
