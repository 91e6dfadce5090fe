// Threads that run blocking work: database calls, files. The queue is bounded: whoever is refused
// tells its client to come back. stop() finishes what was taken in.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace godwit::server {

class WorkerPool {
 public:
  WorkerPool(size_t threads, size_t queue_max);
  ~WorkerPool() { stop(); }
  WorkerPool(WorkerPool const&) = delete;
  auto operator=(WorkerPool const&) -> WorkerPool& = delete;

  /// False, and nothing done, when the queue is full or the pool has stopped. Work must not throw.
  auto try_submit(std::function<void()> work) -> bool;
  /// Runs everything accepted so far, then joins. Called once more it does nothing.
  void stop();
  auto queued() const -> size_t;

 private:
  void run();

  size_t const queue_max_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace godwit::server
