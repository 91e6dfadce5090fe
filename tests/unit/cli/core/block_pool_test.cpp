// Blocks that several threads make come out in order, the same as from one, errors in their place.
#include "cli/core/block_pool.h"

#include <gtest/gtest.h>

#include "proto/format/container.h"

namespace godwit::cli {
namespace {

/// Copies blocks of different sizes from the old file, last first.
class Sample {
 public:
  Sample() {
    container.profile = proto::Profile::bytes;
    for (size_t i = 0; i < old_file.size(); ++i) old_file[i] = static_cast<uint8_t>(i * 31 >> 3);
    uint64_t from = old_file.size();
    while (new_file.size() < old_file.size()) {
      auto const bytes =
          static_cast<uint32_t>(std::min<uint64_t>(1 + container.blocks.size() * 997 % 5000, from));
      from -= bytes;
      auto const piece = ByteView(old_file).subspan(from, bytes);
      container.blocks.push_back({.new_offset = new_file.size(),
                                  .new_bytes = bytes,
                                  .operation = proto::BlockOperation::copy,
                                  .old_offset = from,
                                  .payload = {},
                                  .check = proto::block_check(piece)});
      new_file.insert(new_file.end(), piece.begin(), piece.end());
    }
  }
  Bytes old_file = Bytes(200'000);
  Bytes new_file;
  proto::Container container;
};

TEST(BlockPool, GivesTheSameBytesWithAnyNumberOfThreads) {
  Sample const sample;
  size_t const count = sample.container.blocks.size();
  ASSERT_GT(count, 50u);
  for (unsigned const threads : {1u, 2u, 3u, 16u, kBlockThreadsMax})
    for (size_t const first : {size_t{0}, size_t{7}, count - 1, count}) {
      BlockPool pool(sample.container, sample.old_file, first, threads);
      Bytes made;
      for (size_t i = first; i < count; ++i) {
        auto const block = pool.next();
        ASSERT_TRUE(block) << block.error().what;
        made.insert(made.end(), block->begin(), block->end());
      }
      auto const skipped =
          first < count ? sample.container.blocks[first].new_offset : sample.new_file.size();
      EXPECT_TRUE(std::ranges::equal(made, ByteView(sample.new_file).subspan(skipped)))
          << threads << " threads from block " << first;
    }
}

TEST(BlockPool, FailsAtTheBlockThatFails) {
  Sample sample;
  *sample.container.blocks[20].check ^= 1;
  for (unsigned const threads : {1u, 4u}) {
    BlockPool pool(sample.container, sample.old_file, 0, threads);
    for (size_t i = 0; i < 20; ++i) ASSERT_TRUE(pool.next()) << i;
    auto const failed = pool.next();
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Code::corrupt);
    EXPECT_NE(failed.error().what.find("block 20"), std::string::npos) << failed.error().what;
  }
}

TEST(BlockPool, MayEndBeforeAllIsTaken) {
  Sample const sample;
  for (size_t taken = 0; taken < 12; ++taken) {
    BlockPool pool(sample.container, sample.old_file, 0, 3);
    for (size_t i = 0; i < taken; ++i) ASSERT_TRUE(pool.next());
  }
}

}  // namespace
}  // namespace godwit::cli
