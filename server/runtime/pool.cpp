#include "server/runtime/pool.h"

namespace godwit::server {

WorkerPool::WorkerPool(size_t threads, size_t queue_max) : queue_max_(queue_max) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back(&WorkerPool::run, this);
}

auto WorkerPool::try_submit(std::function<void()> work) -> bool {
  {
    std::lock_guard const lock(mutex_);
    if (stopping_ || queue_.size() >= queue_max_) return false;
    queue_.push_back(std::move(work));
  }
  ready_.notify_one();
  return true;
}

void WorkerPool::stop() {
  {
    std::lock_guard const lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_all();
  for (auto& thread : threads_)
    if (thread.joinable()) thread.join();
}

auto WorkerPool::queued() const -> size_t {
  std::lock_guard const lock(mutex_);
  return queue_.size();
}

void WorkerPool::run() {
  for (std::unique_lock lock(mutex_);;) {
    ready_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    auto work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    work = nullptr;  // what it captured is released outside the lock
    lock.lock();
  }
}

}  // namespace godwit::server
