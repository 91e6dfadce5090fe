// The header and the index of Godwit's delta container, entry by entry: read from memory as a whole
// (container) or in pieces (stream_apply).
#pragma once

#include "proto/format/container.h"

namespace godwit::proto {

constexpr size_t kIndexEntryBytesMin = 12;
constexpr size_t kIndexEntryBytesMax = 3 + 1 + 10 + 10 + 8;

struct ContainerHeader {
  Container container;  // without sections and blocks
  uint32_t block_count = 0;
  uint32_t section_bytes = 0;
  uint32_t index_bytes = 0;
};
auto read_header(Reader& reader, PatchLimits const& limits) -> Result<ContainerHeader>;

struct IndexEntry {
  Block block;  // without its payload
  uint64_t payload_bytes = 0;
};
/// The entry of the block that follows `before`, held against the lengths of the two files.
auto read_entry(Reader& index, Container const& container, Block const& before)
    -> Result<IndexEntry>;
/// Old offsets are written as the distance from where the block before stopped copying.
auto expected_old_offset(Block const& before) -> uint64_t;

}  // namespace godwit::proto
