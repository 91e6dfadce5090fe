// Godwit's delta container (docs/format-delta.md): a header, sections, an index and independent
// blocks of at most 256 KiB, each with its own hash, so that applying can stop and go on at any
// block and blocks can be fetched and decoded one by one.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "proto/format/patch.h"
#include "proto/format/weights/decoder.h"
#include "proto/format/weights/segment.h"

namespace godwit::proto {

constexpr std::string_view kContainerMagic = "GODWITDP";
constexpr uint16_t kContainerVersion = 3;       // that is written
constexpr uint16_t kContainerVersionFirst = 1;  // that is read, and all between
constexpr size_t kContainerHeaderBytes = 104;
constexpr uint32_t kBlockBytesMax = 256u << 10;

/// What a decoder must be able to do and the memory that it takes, beside the old file: the profile
/// is this promise. `weights_small` and `weights_fast` need no allocator
/// (proto/format/stream_apply): the smaller patch, or several times the speed.
enum class Profile : uint16_t { bytes = 1, weights_small = 2, weights_large = 3, weights_fast = 4 };
auto is_known(Profile profile) -> bool;
/// The decoder of a profile that has weights blocks.
auto decoder_size(Profile profile) -> weights::Size;
auto profile_ram_bytes(Profile profile) -> uint64_t;

enum class BlockOperation : uint8_t {
  copy = 0,       // bytes of the old file; no payload
  splice = 1,     // instructions over the old file and literals (proto/format/splice)
  weights = 2,    // segments that know tensors (proto/format/weights)
  described = 3,  // the same, with their descriptions coded, since version 3
};

struct Block {
  uint64_t new_offset = 0;
  uint32_t new_bytes = 0;
  BlockOperation operation = BlockOperation::copy;
  uint64_t old_offset = 0;  // where reading the old file starts
  ByteView payload;
  uint64_t check = 0;  // block_check of the bytes it makes
};

struct Container {
  Profile profile = Profile::bytes;
  uint64_t old_bytes = 0;
  uint64_t new_bytes = 0;
  Sha256 old_sha256;
  Sha256 new_sha256;
  ByteView sections{};
  std::vector<Block> blocks;  // in the order of the new file, covering it exactly
};

/// The first eight bytes of the SHA-256: finds accidental damage of one block; what makes the
/// whole result trusted is new_sha256.
auto block_check(ByteView bytes) -> uint64_t;
auto first_bytes(Sha256 const& digest) -> uint64_t;

/// Views into `patch`. `corrupt` unless every length, offset and sum holds and nothing is left.
auto parse_container(ByteView patch, PatchLimits const& limits) -> Result<Container>;
auto write_container(Container const& container) -> Bytes;

/// `conflict` unless this is the old file that the patch was made for.
auto check_old_file(Container const& container, ByteView old_file) -> Result<>;
auto another_old_file(Container const& container) -> Error;
/// Sections carry what blocks share. One that is not known is passed over unless it is critical.
auto check_sections(ByteSource& patch, weights::Range sections, Profile profile) -> Result<>;
/// The body of the first section of that type, or nothing.
auto find_section(ByteSource& patch, weights::Range sections, uint16_t type)
    -> Result<std::optional<weights::Range>>;
/// The order of blocks for applying in place (proto/format/in_place).
constexpr uint16_t kOrderSection = 2;

class BlockMaker;

/// Makes blocks, in any order. Borrows what the container's views show and the old file.
class BlockApplier {
 public:
  BlockApplier(Container const& container, ByteView old_file);
  ~BlockApplier();
  /// Makes the bytes of one block, `out.size() == block.new_bytes`, and holds them to its check.
  auto apply(Block const& block, std::span<uint8_t> out) -> Result<>;

 private:
  ByteView sections_;
  ByteView old_;
  std::unique_ptr<BlockMaker> maker_;
};

/// Made by a weights decoder.
auto has_segments(BlockOperation operation) -> bool;
/// The segments of a weights block, without making it.
auto read_segments(Block const& block, uint64_t old_bytes) -> Result<std::vector<weights::Segment>>;

auto apply_container(ByteView old_file, ByteView patch, PatchLimits const& limits) -> Result<Bytes>;
auto inspect_container(ByteView patch, PatchLimits const& limits) -> Result<PatchInfo>;

}  // namespace godwit::proto
