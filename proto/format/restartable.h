// Applying a patch so that it can stop at any moment and go on: block by block, with a journal
// (patch, next block) written after each block is durable. At most one block is written twice. The
// store is a port: files of the command line, slots of a device, a simulator that loses power.
#pragma once

#include <optional>

#include "proto/format/container_reader.h"
#include "proto/trust/digest.h"

namespace godwit::proto {

/// Where a new file grows. Every call is durable when it returns.
class BlockStore {
 public:
  virtual ~BlockStore() = default;
  virtual auto write_block(uint64_t offset, ByteView bytes) -> Result<> = 0;
  /// `not_found` when the store holds less.
  virtual auto read_block(uint64_t offset, std::span<uint8_t> out) -> Result<> = 0;
  /// Replaces the journal, wholly or not at all.
  virtual auto write_journal(ByteView record) -> Result<> = 0;
  /// Empty when there is none.
  virtual auto read_journal() -> Result<Bytes> = 0;
};

/// How far the patch of this hash was applied.
struct ApplyJournal {
  Sha256 patch;
  uint32_t next_block = 0;
  std::optional<uint64_t> last_check{};  // of the block before, where the patch has none: BSDIFF40
};
auto encode(ApplyJournal const& journal) -> Bytes;
/// `corrupt` when its check does not hold.
auto decode_apply_journal(ByteView record) -> Result<ApplyJournal>;

struct Resumed {
  uint32_t block = 0;  // where applying went on; 0: from the beginning
  uint64_t bytes = 0;  // that were there already
};

/// What applying reads; it must outlive it. `patch_sha256` tells the journals of patches apart: any
/// hash that names this patch.
struct ApplySources {
  ByteSource& old_file;
  uint64_t old_bytes;
  ByteSource& patch;
  uint64_t patch_bytes;
  Sha256 patch_sha256;
  bool old_is_checked = false;  // by the caller: it is the file that the patch was made for
};

/// One application, block by block: for who has other things to do in between.
class BlockwiseApply {
 public:
  virtual ~BlockwiseApply() = default;
  virtual auto new_bytes() const -> uint64_t = 0;
  /// Of the new file, that are there.
  virtual auto bytes() const -> uint64_t = 0;
  virtual auto resumed() const -> Resumed const& = 0;
  auto done() const -> bool { return bytes() == new_bytes(); }
  /// Makes the next block. Only before it is done.
  virtual auto step() -> Result<> = 0;
  /// Reads the new file back: `corrupt` when it is not the one that was to be made.
  virtual auto finish() -> Result<> = 0;
};

/// Of a container. Memory: what ContainerReader holds, and one block.
class RestartableApply final : public BlockwiseApply {
 public:
  using Sources = ApplySources;
  /// Finds out where to go on. `conflict` for another old file, `corrupt` for a damaged patch.
  static auto begin(Sources const& sources, PatchLimits const& limits, BlockStore& store)
      -> Result<RestartableApply>;

  auto container() const -> Container const& { return reader_.container(); }
  auto resumed() const -> Resumed const& override { return resumed_; }
  auto new_bytes() const -> uint64_t override { return container().new_bytes; }
  auto bytes() const -> uint64_t override;
  auto next_block() const -> uint32_t { return journal_.next_block; }
  auto step() -> Result<> override;
  /// Takes the next block from who made it and held it to its check.
  auto take(ByteView made) -> Result<>;
  auto finish() -> Result<> override;

  ~RestartableApply() override { cleanse(made_); }
  RestartableApply(RestartableApply&&) = default;
  auto operator=(RestartableApply&&) -> RestartableApply& = delete;  // of the references in it

 private:
  RestartableApply(Sources const& sources, BlockStore& store, ContainerReader reader)
      : sources_(sources), store_(&store), reader_(std::move(reader)) {}
  auto matches(Block const& block) -> bool;
  auto first_missing() -> Result<uint32_t>;

  Sources sources_;
  BlockStore* store_;
  ContainerReader reader_;
  ApplyJournal journal_;
  Resumed resumed_;
  Bytes made_;
};

}  // namespace godwit::proto
