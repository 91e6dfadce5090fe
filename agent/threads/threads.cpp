#include "agent/threads/threads.h"

namespace godwit::agent {

namespace {

constexpr uint32_t kStop = UINT32_MAX;
// Looks at a counter before sleeping: about as long as a small layer takes, for waking takes
// longer.
constexpr int kLooks = 4000;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  __asm__ volatile("yield");
#endif
}

/// Returns when the counter is no longer `value`.
auto wait_while(std::atomic<uint32_t> const& counter, uint32_t value) -> uint32_t {
  for (int look = 0; look < kLooks; ++look) {
    if (uint32_t const now = counter.load(std::memory_order_acquire); now != value) return now;
    pause();
  }
  counter.wait(value, std::memory_order_acquire);
  return counter.load(std::memory_order_acquire);
}

}  // namespace

Threads::Threads(uint32_t size) {
  for (uint32_t index = 1; index < size; ++index)
    threads_.emplace_back([this, index] { serve(index); });
}

Threads::~Threads() {
  layer_.store(kStop, std::memory_order_release);
  layer_.notify_all();
  for (auto& thread : threads_) thread.join();
}

auto Threads::crew() -> engine::Crew {
  return {.size = static_cast<uint32_t>(threads_.size()) + 1,
          .together = [](void* context, Part part,
                         void* work) { static_cast<Threads*>(context)->together(part, work); },
          .context = this};
}

void Threads::together(Part part, void* work) {
  part_ = part;
  work_ = work;
  working_.store(static_cast<uint32_t>(threads_.size()), std::memory_order_relaxed);
  uint32_t const next = layer_.load(std::memory_order_relaxed) + 1;
  layer_.store(next == kStop ? 0 : next, std::memory_order_release);
  layer_.notify_all();
  part(work, 0);
  while (uint32_t const left = working_.load(std::memory_order_acquire)) wait_while(working_, left);
}

void Threads::serve(uint32_t index) {
  for (uint32_t done = 0;;) {
    done = wait_while(layer_, done);
    if (done == kStop) return;
    part_(work_, index);
    if (working_.fetch_sub(1, std::memory_order_acq_rel) == 1) working_.notify_one();
  }
}

}  // namespace godwit::agent
