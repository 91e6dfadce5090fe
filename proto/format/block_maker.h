// Makes one block of a container from sources: the old file and the patch may lie in memory, in
// flash or in files. BlockApplier (in memory) and ContainerReader (in pieces) stand on it.
#pragma once

#include "proto/format/container.h"

namespace godwit::proto {

/// Where a block's parts lie in the patch source.
struct BlockPlace {
  weights::Range sections;
  weights::Range payload;
};

class BlockMaker {
 public:
  /// `version` and `profile` are the container's.
  BlockMaker(uint16_t version, Profile profile, uint64_t old_bytes)
      : version_(version), profile_(profile), old_bytes_(old_bytes) {}
  /// Makes the bytes of one block, `out.size() == block.new_bytes`, and holds them to its check if
  /// there is one.
  auto make(Block const& block, BlockPlace const& place, ByteSource& old_file, ByteSource& patch,
            std::span<uint8_t> out) -> Result<>;

 private:
  auto make_weights(Block const& block, BlockPlace const& place, ByteSource& old_file,
                    ByteSource& patch, std::span<uint8_t> out) -> Result<>;

  uint16_t version_;
  Profile profile_;
  uint64_t old_bytes_;
  std::unique_ptr<std::byte[]> memory_;  // of the decoder, once one is needed
  weights::Decoder* decoder_ = nullptr;
};

}  // namespace godwit::proto
