// Godwit's delta container (docs/format-delta.md): a header, sections, an index and independent
// blocks of at most 256 KiB, each with its own hash, so that applying can stop and go on at any
// block and blocks can be fetched and decoded one by one.
#pragma once

#include <span>
#include <vector>

#include "proto/format/patch.h"

namespace godwit::proto {

constexpr std::string_view kContainerMagic = "GODWITDP";
constexpr uint16_t kContainerVersion = 1;
constexpr size_t kContainerHeaderBytes = 104;
constexpr uint32_t kBlockBytesMax = 256u << 10;

/// What a decoder must be able to do and the memory that it takes, beside the old file: the profile
/// is this promise. Profiles for tensors of weights get numbers of their own.
enum class Profile : uint16_t { bytes = 1 };
auto profile_ram_bytes(Profile profile) -> uint64_t;

enum class BlockOperation : uint8_t {
  copy = 0,    // bytes of the old file; no payload
  splice = 1,  // instructions over the old file and literals (proto/format/splice)
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
  std::vector<Block> blocks;  // in the order of the new file, covering it exactly
};

/// The first eight bytes of the SHA-256: finds accidental damage of one block; what makes the
/// whole result trusted is new_sha256.
auto block_check(ByteView bytes) -> uint64_t;

/// Views into `patch`. `corrupt` unless every length, offset and sum holds and nothing is left.
auto parse_container(ByteView patch, PatchLimits const& limits) -> Result<Container>;
auto write_container(Container const& container) -> Bytes;

/// `conflict` unless this is the old file that the patch was made for.
auto check_old_file(Container const& container, ByteView old_file) -> Result<>;
/// Makes the bytes of one block, `out.size() == block.new_bytes`, and holds them against its check.
auto apply_block(ByteView old_file, Block const& block, std::span<uint8_t> out) -> Result<>;

auto apply_container(ByteView old_file, ByteView patch, PatchLimits const& limits) -> Result<Bytes>;
auto inspect_container(ByteView patch, PatchLimits const& limits) -> Result<PatchInfo>;

}  // namespace godwit::proto
