// What version 4 of the container leaves away: lengths and places that follow, checks of copies.
#include <gtest/gtest.h>

#include "proto/format/container.h"
#include "tests/unit/proto/format/container_sample.h"

namespace godwit::proto {
namespace {

using namespace test;

/// A file of 21 blocks, of which all but the third and the last lie where they lay.
TEST(ContainerShort, CopiesOfWholeBlocksCostABitEach) {
  constexpr uint32_t kBlocks = 21;
  Bytes const old_file = bytes_of(kBlocks * kBlockBytesMax - 5, 3);
  Bytes new_file = old_file;
  Container container{.profile = Profile::bytes,
                      .old_bytes = old_file.size(),
                      .new_bytes = new_file.size(),
                      .old_sha256 = sha256(old_file),
                      .new_sha256 = {},
                      .blocks = {}};
  new_file[2 * kBlockBytesMax] ^= 1;
  new_file.back() ^= 1;
  container.new_sha256 = sha256(new_file);
  std::vector<Bytes> payloads(kBlocks);
  for (uint32_t i = 0; i < kBlocks; ++i) {
    size_t const at = size_t{i} * kBlockBytesMax;
    auto const made =
        ByteView(new_file).subspan(at, std::min<size_t>(kBlockBytesMax, new_file.size() - at));
    Block block{.new_offset = at,
                .new_bytes = static_cast<uint32_t>(made.size()),
                .old_offset = at,
                .payload = {}};
    if (i == 2 || i + 1 == kBlocks) {
      Instruction const whole{.add = block.new_bytes, .literal = 0, .seek = 0};
      Bytes diff(made.size());
      for (size_t k = 0; k < diff.size(); ++k)
        diff[k] = static_cast<uint8_t>(made[k] - old_file[at + k]);
      add_stored(payloads[i], write_instructions({&whole, 1}));
      add_zstd(payloads[i], diff);
      add_stored(payloads[i], {});
      block.operation = BlockOperation::splice;
      block.payload = payloads[i];
    }
    block.check = check_of(block.operation, made);
    container.blocks.push_back(block);
  }
  auto const patch = write_container(container);
  size_t const apart = patch.size() - payloads[2].size() - payloads.back().size();
  EXPECT_LT(apart, 100u);
  auto const made = apply_container(old_file, patch, {});
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_TRUE(*made == new_file);
  auto const again = parse_container(patch, {});
  ASSERT_TRUE(again);
  ASSERT_EQ(again->blocks.size(), kBlocks);
  EXPECT_EQ(write_container(*again), patch);
}

/// Of a file of one block the hash of the result is the check.
TEST(ContainerShort, TheOnlyBlockNeedsNoCheckOfItsOwn) {
  Bytes const old_file = bytes_of(500, 4);
  Bytes const new_file(old_file.begin() + 7, old_file.begin() + 107);
  Container container{.profile = Profile::bytes,
                      .old_bytes = old_file.size(),
                      .new_bytes = new_file.size(),
                      .old_sha256 = sha256(old_file),
                      .new_sha256 = sha256(new_file),
                      .blocks = {{.new_bytes = 100, .old_offset = 7, .payload = {}}}};
  auto const patch = write_container(container);
  auto const parsed = parse_container(patch, {});
  ASSERT_TRUE(parsed) << parsed.error().what;
  EXPECT_EQ(parsed->blocks[0].check, block_check(new_file));
  auto const made = apply_container(old_file, patch, {});
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_EQ(*made, new_file);
}

/// Sixteen bytes of the old file's hash tell it apart.
TEST(ContainerShort, TheOldFileIsToldByTheBeginningOfItsHash) {
  Sample sample;
  auto const patch = sample.build();
  auto const parsed = parse_container(patch, {});
  ASSERT_TRUE(parsed);
  Sha256 digest = sha256(sample.old_file);
  EXPECT_TRUE(parsed->is_for(digest));
  EXPECT_EQ(old_digest_hex(*parsed), digest.hex().substr(0, 2 * kOldDigestBytes));
  digest.bytes[kOldDigestBytes - 1] ^= 1;
  EXPECT_FALSE(parsed->is_for(digest));
  auto const long_patch = sample.build(3);
  auto const long_parsed = parse_container(long_patch, {});
  ASSERT_TRUE(long_parsed);
  digest = sha256(sample.old_file);
  EXPECT_TRUE(long_parsed->is_for(digest));
  digest.bytes[31] ^= 1;
  EXPECT_FALSE(long_parsed->is_for(digest));
}

}  // namespace
}  // namespace godwit::proto
