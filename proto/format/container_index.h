// The header and the index of Godwit's delta container, entry by entry: read from memory as a whole
// (container) or in pieces (stream_apply). What versions share and where they differ is here alone.
#pragma once

#include "proto/format/container.h"

namespace godwit::proto {

constexpr size_t kIndexEntryBytesMax = 3 + 1 + 10 + 10 + 8;
/// Since version 4: makers need less than 24 bytes for each of at most 2,049 blocks, and what a
/// hostile index makes readers hold stays below three megabytes.
constexpr uint32_t kIndexBytesMax = 64u << 10;

struct ContainerHeader {
  Container container;  // without sections and blocks
  uint64_t bytes = 0;   // of the header itself
  uint32_t section_bytes = 0;
  uint32_t index_bytes = 0;
  std::optional<uint32_t> block_count{};  // until version 3

  /// Where the patch's parts lie, one behind the other.
  auto index_at() const -> uint64_t { return bytes + section_bytes; }
  auto payloads_at() const -> uint64_t { return index_at() + index_bytes; }
};
auto read_header(Reader& reader, PatchLimits const& limits) -> Result<ContainerHeader>;
/// From a source, of which it reads what a header may take.
auto read_header(ByteSource& patch, uint64_t patch_bytes, PatchLimits const& limits)
    -> Result<ContainerHeader>;
void write_header(Writer& writer, Container const& container, size_t index_bytes);

struct IndexEntry {
  Block block;  // without its payload
  uint64_t payload_bytes = 0;
};

/// Reads an index entry by entry, and holds each against the lengths of the two files.
class IndexReader {
 public:
  /// Whether the new file is not yet covered.
  auto more(Container const& container) const -> bool { return new_end() < container.new_bytes; }
  /// `index` goes on where the entry before ended; kIndexEntryBytesMax of it are enough.
  auto next(Reader& index, Container const& container) -> Result<IndexEntry>;
  /// `corrupt` when the header counted other blocks, or bytes of index or payloads are left.
  auto finish(ContainerHeader const& header, uint64_t index_left, uint64_t payload_left) const
      -> Result<>;
  auto blocks() const -> uint32_t { return blocks_; }
  /// Of the new file, what the blocks so far make.
  auto new_end() const -> uint64_t { return before_.new_offset + before_.new_bytes; }

 private:
  auto read_long(Reader& index, Container const& container) -> Result<IndexEntry>;
  auto read_short(Reader& index, Container const& container) -> Result<IndexEntry>;

  Block before_;
  uint32_t copies_left_ = 0;  // of a run of copies
  uint32_t blocks_ = 0;
};
auto write_index(Container const& container) -> Bytes;

}  // namespace godwit::proto
