#include "server/runtime/repeating.h"

namespace godwit::server {

Repeating::Repeating(std::function<std::chrono::milliseconds()> step) {
  thread_ = std::thread([this, step = std::move(step)] {
    for (;;) {
      auto const wait = step();
      std::unique_lock lock(mutex_);
      if (stopped_.wait_for(lock, wait, [this] { return stopping_; })) return;
    }
  });
}

void Repeating::stop() {
  {
    std::lock_guard const lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace godwit::server
