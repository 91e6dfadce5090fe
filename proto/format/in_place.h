// Applying a container to the only copy of a file, for devices with one slot: blocks in an order
// in which none reads what an earlier one overwrote (a section of the patch, made by
// server/delta/in_place), each made into a scratch area first. Whatever power cuts do, what was
// begun can be finished; it cannot be taken back.
#pragma once

#include <functional>

#include "proto/format/restartable.h"

namespace godwit::proto {

/// The file that is rewritten, and 256 KiB beside it. Every call is durable when it returns; a cut
/// leaves anything in the range that was being written, and touches nothing else.
class InPlaceStore {
 public:
  virtual ~InPlaceStore() = default;
  virtual auto size() -> Result<uint64_t> = 0;
  /// `not_found` past the end.
  virtual auto read(uint64_t offset, std::span<uint8_t> out) -> Result<> = 0;
  /// Makes the file longer where it must.
  virtual auto write(uint64_t offset, ByteView bytes) -> Result<> = 0;
  virtual auto resize(uint64_t bytes) -> Result<> = 0;
  virtual auto write_scratch(ByteView bytes) -> Result<> = 0;
  /// `not_found` when it holds less.
  virtual auto read_scratch(std::span<uint8_t> out) -> Result<> = 0;
  /// Replaces the journal, wholly or not at all.
  virtual auto write_journal(ByteView record) -> Result<> = 0;
  /// Empty when there is none.
  virtual auto read_journal() -> Result<Bytes> = 0;
};

/// The order of blocks that a patch names; `invalid` when it was not made for applying in place,
/// `corrupt` unless every block comes exactly once.
auto order_of_blocks(ByteSource& patch, weights::Range sections, size_t blocks)
    -> Result<std::vector<uint32_t>>;
/// The section as it stands in a patch.
auto write_order_section(std::span<uint32_t const> order) -> Bytes;

struct InPlaceSources {
  ByteSource& patch;
  uint64_t patch_bytes;
  Sha256 patch_sha256;  // tells journals apart: any hash that names this patch
};
/// Turns the file into the new one, from the beginning or from where a cut left it, and holds the
/// whole against its hash. `on_blocks` is told how many blocks are in their places. The journal
/// stays: who is content with the file removes it. `conflict` before anything is written when the
/// file is not the one that the patch was made for; `corrupt` also when storage lost what it had
/// promised to keep.
auto apply_in_place(InPlaceSources const& sources, PatchLimits const& limits, InPlaceStore& store,
                    std::function<void(size_t)> const& on_blocks) -> Result<Resumed>;

}  // namespace godwit::proto
