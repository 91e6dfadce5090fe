#include "cli/core/block_pool.h"

#include <algorithm>

namespace godwit::cli {

auto block_threads() -> unsigned {
  return std::clamp(std::thread::hardware_concurrency(), 1u, kBlockThreadsMax);
}

BlockPool::BlockPool(proto::Container const& container, ByteView old_file, size_t first,
                     unsigned threads)
    : container_(container),
      old_(old_file),
      slots_(2 * size_t{std::max(threads, 1u)}),
      begun_(first),
      given_(first),
      free_from_(first) {
  auto const wanted = std::min<size_t>(threads, container.blocks.size() - first);
  if (wanted <= 1) {
    alone_.emplace(container, old_file);
    return;
  }
  for (size_t i = 0; i < wanted; ++i) threads_.emplace_back([this] { work(); });
}

BlockPool::~BlockPool() {
  {
    std::lock_guard const lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
}

void BlockPool::make(proto::BlockApplier& applier, size_t block, Slot& slot) const {
  slot.bytes.resize(container_.blocks[block].new_bytes);
  auto const made = applier.apply(container_.blocks[block], slot.bytes);
  slot.error.reset();
  if (!made) slot.error = Error(made.error()).within("block " + std::to_string(block));
}

void BlockPool::work() {
  proto::BlockApplier applier(container_, old_);
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopped_ || begun_ < free_from_ + slots_.size(); });
    if (stopped_ || begun_ == container_.blocks.size()) return;
    size_t const block = begun_++;
    Slot& slot = slot_of(block);
    lock.unlock();
    make(applier, block, slot);
    lock.lock();
    slot.made = true;
    changed_.notify_all();
  }
}

auto BlockPool::next() -> Result<ByteView> {
  CHECK(given_ < container_.blocks.size());
  size_t const block = given_++;
  Slot& slot = slot_of(block);
  if (alone_) {
    make(*alone_, block, slot);
  } else {
    std::unique_lock lock(mutex_);
    if (block > free_from_) {  // what was given before is not looked at any more
      slot_of(free_from_++).made = false;
      changed_.notify_all();
    }
    changed_.wait(lock, [&slot] { return slot.made; });
  }
  if (slot.error) return *slot.error;
  return ByteView(slot.bytes);
}

}  // namespace godwit::cli
