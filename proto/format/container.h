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
constexpr uint16_t kContainerVersion = 4;       // that is written
constexpr uint16_t kContainerVersionFirst = 1;  // that is read, and all between
constexpr uint16_t kContainerVersionShort = 4;  // the first with short headers and entries
constexpr size_t kContainerHeaderBytesMax = 104;
constexpr uint32_t kBlockBytesMax = 256u << 10;
/// Since version 4: of the old file's SHA-256, which only tells that it is another file. Nobody
/// gains by one that is taken for it, for the result's hash is whole.
constexpr size_t kOldDigestBytes = 16;

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
  /// block_check of the bytes it makes. Copies have none where the old file stays as it is: it was
  /// checked before, and the hash of the result covers them.
  std::optional<uint64_t> check{};
};

struct Container {
  uint16_t version = kContainerVersion;
  Profile profile = Profile::bytes;
  uint64_t old_bytes = 0;
  uint64_t new_bytes = 0;
  Sha256 old_sha256;  // its first old_digest_bytes
  Sha256 new_sha256;
  ByteView sections{};
  std::vector<Block> blocks;  // in the order of the new file, covering it exactly

  auto old_digest_bytes() const -> size_t {
    return version < kContainerVersionShort ? old_sha256.bytes.size() : kOldDigestBytes;
  }
  /// Whether it was made for the old file with this hash.
  auto is_for(Sha256 const& old_file) const -> bool {
    return std::equal(old_file.bytes.begin(),
                      old_file.bytes.begin() + static_cast<ptrdiff_t>(old_digest_bytes()),
                      old_sha256.bytes.begin());
  }
};

/// The first eight bytes of the SHA-256: finds accidental damage of one block; what makes the
/// whole result trusted is new_sha256.
auto block_check(ByteView bytes) -> uint64_t;
/// The check of a block that makes these bytes; nothing for copies.
auto check_of(BlockOperation operation, ByteView bytes) -> std::optional<uint64_t>;
auto first_bytes(Sha256 const& digest) -> uint64_t;

/// Views into `patch`. `corrupt` unless every length, offset and sum holds and nothing is left.
auto parse_container(ByteView patch, PatchLimits const& limits) -> Result<Container>;
/// Always in the newest version.
auto write_container(Container const& container) -> Bytes;
/// The same without the payloads, which come next.
auto write_beginning(Container const& container) -> Bytes;

/// `conflict` unless this is the old file that the patch was made for.
auto check_old_file(Container const& container, ByteView old_file) -> Result<>;
auto another_old_file(Container const& container) -> Error;
/// What the patch says of the old file's SHA-256.
auto old_digest_hex(Container const& container) -> std::string;
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
  /// Makes the bytes of one block, `out.size() == block.new_bytes`, and holds them to its check if
  /// there is one.
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
