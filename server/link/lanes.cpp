#include "server/link/lanes.h"

#include <algorithm>
#include <iterator>

namespace godwit::server {

Lanes::Lanes(size_t lanes, size_t queue_max, size_t batch_max,
             std::function<void(std::vector<RawMessage>)> work)
    : queue_max_(queue_max), batch_max_(batch_max), work_(std::move(work)) {
  CHECK(lanes > 0 && batch_max > 0);
  for (size_t i = 0; i < lanes; ++i) lanes_.push_back(std::make_unique<Lane>());
  for (auto& lane : lanes_) lane->thread = std::thread([this, one = lane.get()] { run(*one); });
}

auto Lanes::push(RawMessage message) -> bool {
  auto const hash = std::hash<std::string>()(message.topic.device.str());
  auto& lane = *lanes_[hash % lanes_.size()];
  {
    std::lock_guard const lock(lane.mutex);
    if (lane.stopping || lane.queue.size() >= queue_max_) return false;
    lane.queue.push_back(std::move(message));
  }
  lane.ready.notify_one();
  return true;
}

auto Lanes::crowded() const -> bool {
  return std::any_of(lanes_.begin(), lanes_.end(), [this](auto const& lane) {
    std::lock_guard const lock(lane->mutex);
    return lane->queue.size() >= queue_max_ / 2;
  });
}

void Lanes::stop() {
  for (auto& lane : lanes_) {
    {
      std::lock_guard const lock(lane->mutex);
      lane->stopping = true;
    }
    lane->ready.notify_one();
  }
  for (auto& lane : lanes_)
    if (lane->thread.joinable()) lane->thread.join();
}

void Lanes::run(Lane& lane) {
  for (std::unique_lock lock(lane.mutex);;) {
    lane.ready.wait(lock, [&lane] { return lane.stopping || !lane.queue.empty(); });
    if (lane.queue.empty()) return;
    auto const count = std::min(lane.queue.size(), batch_max_);
    auto const end = lane.queue.begin() + static_cast<std::ptrdiff_t>(count);
    std::vector<RawMessage> batch(std::make_move_iterator(lane.queue.begin()),
                                  std::make_move_iterator(end));
    lane.queue.erase(lane.queue.begin(), end);
    lock.unlock();
    work_(std::move(batch));
    lock.lock();
  }
}

}  // namespace godwit::server
