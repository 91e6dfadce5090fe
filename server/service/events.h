// The stream of changes of rollouts and attempts: numbered in the order of their commits.
#pragma once

#include "server/domain/entities.h"

namespace godwit::server {

struct Core;

class Events {
 public:
  explicit Events(Core& core) : core_(core) {}

  /// Events with a number greater than `after`, oldest first; of one rollout, or of all.
  auto read(int64_t after, std::optional<int64_t> rollout, size_t limit)
      -> Result<std::vector<Event>>;
  /// The newest number: where a reader without Last-Event-ID starts.
  auto last() -> Result<int64_t>;
  /// Blocks until a newer event than `after` is announced or the time is over; returns last().
  /// For one thread per process, which then wakes all readers. Holds a connection of its own.
  auto wait(int64_t after, int64_t timeout_ms) -> Result<int64_t>;

 private:
  Core& core_;
};

}  // namespace godwit::server
