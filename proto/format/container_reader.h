// A container that is read where a block needs it: neither the patch nor the old file lies in
// memory. What it holds is the index; what making a block takes is the profile's promise.
#pragma once

#include "proto/format/block_maker.h"

namespace godwit::proto {

struct ContainerHeader;

class ContainerReader {
 public:
  /// Reads header and index. The patch must outlive it. `corrupt` as parse_container says it.
  static auto open(ByteSource& patch, uint64_t patch_bytes, PatchLimits const& limits)
      -> Result<ContainerReader>;

  /// Without its sections, and blocks without their payloads.
  auto container() const -> Container const& { return container_; }
  /// Where they lie in the patch.
  auto sections() const -> weights::Range { return sections_; }
  /// `conflict` unless this is the old file that the patch was made for.
  auto check_old(ByteSource& old_file, uint64_t old_bytes) const -> Result<>;
  /// Makes a block, `out.size() == container().blocks[block].new_bytes`, and holds it to its check
  /// if there is one.
  auto make(size_t block, ByteSource& old_file, std::span<uint8_t> out) -> Result<>;
  /// The payload of a block, for who looks at it without making it.
  auto payload(size_t block) const -> Result<Bytes>;

 private:
  explicit ContainerReader(ByteSource& patch) : patch_(&patch) {}
  auto read_index(ContainerHeader const& header, uint64_t patch_bytes) -> Result<>;

  ByteSource* patch_;
  Container container_;
  weights::Range sections_;
  std::vector<weights::Range> payloads_;
  std::unique_ptr<BlockMaker> maker_;
};

/// SHA-256 of a source, read in pieces.
auto sha256_of(ByteSource& source, uint64_t bytes) -> Result<Sha256>;

}  // namespace godwit::proto
