// Threads that work through what devices say: messages of one device stay in order, those of
// different devices run side by side, and what waits is bounded.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "proto/wire/topics.h"

namespace godwit::server {

/// An uplink message as it came from the broker.
struct RawMessage {
  proto::UpTopic topic;
  std::string payload;
};

class Lanes {
 public:
  /// `work` gets what one lane had waiting, at most `batch_max` messages; it must not throw.
  Lanes(size_t lanes, size_t queue_max, size_t batch_max,
        std::function<void(std::vector<RawMessage>)> work);
  ~Lanes() { stop(); }

  /// False, and nothing kept, when the message's lane is full or stop() was called.
  auto push(RawMessage message) -> bool;
  /// Whether a lane is so full that reading should pause.
  auto crowded() const -> bool;
  /// Works through what waits, then joins.
  void stop();

 private:
  struct Lane {
    mutable std::mutex mutex;
    std::condition_variable ready;
    std::deque<RawMessage> queue;
    bool stopping = false;
    std::thread thread;
  };
  void run(Lane& lane);

  size_t const queue_max_;
  size_t const batch_max_;
  std::function<void(std::vector<RawMessage>)> const work_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace godwit::server
