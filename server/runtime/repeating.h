// A thread that does one thing again and again until it is stopped: the scheduler, the delta
// worker, the pump of events.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace godwit::server {

class Repeating {
 public:
  /// `step` returns how long to wait before the next one. It must not throw.
  explicit Repeating(std::function<std::chrono::milliseconds()> step);
  ~Repeating() { stop(); }
  Repeating(Repeating const&) = delete;
  auto operator=(Repeating const&) -> Repeating& = delete;

  /// Waits for the step that runs, then joins.
  void stop();

 private:
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace godwit::server
