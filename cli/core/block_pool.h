// Makes the blocks of a patch on several threads, for they do not depend on one another, and gives
// them out in order. Memory: for each thread a decoder of the patch's profile and two blocks.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "proto/format/container.h"

namespace godwit::cli {

constexpr unsigned kBlockThreadsMax = 64;

/// As many threads as the machine has cores.
auto block_threads() -> unsigned;

class BlockPool {
 public:
  /// Begins with block `first`; with one thread, blocks are made where they are asked for.
  /// Container and old file must outlive it.
  BlockPool(proto::Container const& container, ByteView old_file, size_t first, unsigned threads);
  ~BlockPool();
  BlockPool(BlockPool const&) = delete;
  auto operator=(BlockPool const&) -> BlockPool& = delete;

  /// The next block, held to its check: until the next call. Once for each block.
  auto next() -> Result<ByteView>;

 private:
  struct Slot {
    Bytes bytes;
    std::optional<Error> error{};
    bool made = false;
  };

  void work();
  void make(proto::BlockApplier& applier, size_t block, Slot& slot) const;
  auto slot_of(size_t block) -> Slot& { return slots_[block % slots_.size()]; }

  proto::Container const& container_;
  ByteView const old_;
  std::optional<proto::BlockApplier> alone_{};  // without threads
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Slot> slots_;
  size_t begun_;      // the next that a thread takes
  size_t given_;      // the next that is given out
  size_t free_from_;  // blocks before it gave their slots back
  bool stopped_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace godwit::cli
