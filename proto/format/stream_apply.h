// Applies a patch of a profile for small devices: all state lies in one block of the caller's
// memory, the allocator is not used, old file and patch are read in pieces, and after every block
// the caller may note in its journal how far it came (docs/format-delta.md, "Small devices").
#pragma once

#include "proto/format/container_index.h"

namespace godwit::proto {

/// Of the profiles weights_small and weights_fast: what `place` needs, and what its calls need of
/// the stack.
constexpr size_t kStreamBytes = 180u << 10;
constexpr size_t kStreamStackBytes = 12u << 10;
static_assert(kStreamBytes + kStreamStackBytes == 192u << 10);

class StreamApplier {
 public:
  /// An applier in `memory`, of kStreamBytes and aligned to 8; it need not be destroyed.
  static auto place(std::span<std::byte> memory) -> StreamApplier*;

  /// Reads the header and checks the index. `corrupt`, also for a patch of a larger profile.
  auto open(ByteSource& patch, uint64_t patch_bytes, PatchLimits const& limits) -> Result<>;
  /// `conflict` unless this is the old file that the patch was made for.
  auto check_old(ByteSource& old_file, uint64_t old_bytes) -> Result<>;

  auto block_count() const -> uint32_t { return block_count_; }
  auto next_block() const -> uint32_t { return place_.entries.blocks(); }
  auto new_offset() const -> uint64_t { return place_.entries.new_end(); }
  auto header() const -> Container const& { return header_; }
  /// Passes over blocks that were made before.
  auto skip_to(uint32_t block) -> Result<>;
  /// Makes the next block. What `sink` got is trusted only when this succeeds,
  /// and the whole when it has the hash that the header names: copies have none of their own.
  auto make_next(ByteSource& old_file, ByteSink& sink) -> Result<>;

 private:
  StreamApplier() = default;
  auto read_entry() -> Result<IndexEntry>;
  auto make_entry(ByteSource& old_file, ByteSink& sink) -> Result<>;

  /// Where it stands between two blocks.
  struct Place {
    IndexReader entries;
    uint64_t index_at = 0;    // of the next entry
    uint64_t payload_at = 0;  // of the next block
  };

  Container header_;  // without blocks
  ByteSource* patch_ = nullptr;
  weights::Range sections_;
  uint64_t index_end_ = 0;
  Place place_;
  uint32_t block_count_ = 0;
  uint64_t patch_bytes_ = 0;
  std::span<std::byte> decoder_memory_;
  weights::Decoder* decoder_ = nullptr;
};

}  // namespace godwit::proto
