#include "server/delta/tensor_map.h"

#include <gtest/gtest.h>

namespace godwit::delta {
namespace {

auto tensor(uint64_t offset, uint32_t rows, uint32_t cols, ElementType type = ElementType::int8)
    -> TensorSpan {
  return {.name = "t", .type = type, .offset = offset, .rows = rows, .cols = cols};
}

TEST(TensorMap, SizesThatMakeNoSenseAreZero) {
  EXPECT_EQ(size_bytes(tensor(0, 3, 5)), 15u);
  EXPECT_EQ(size_bytes(tensor(0, 3, 6, ElementType::int4)), 9u);
  EXPECT_EQ(size_bytes(tensor(0, 3, 5, ElementType::int4)), 0u);
  EXPECT_EQ(size_bytes(tensor(0, 0, 5)), 0u);
  EXPECT_EQ(size_bytes(tensor(0, 5, 0)), 0u);
  EXPECT_EQ(size_bytes(tensor(0, ~0u, ~0u, ElementType::fp32)), 0u);
}

TEST(TensorMap, KeepsWhatLiesInsideInOrderAndDropsTheRest) {
  std::vector<TensorPair> const pairs = {
      {.to = tensor(60, 4, 10), .from = tensor(0, 4, 10)},
      {.to = tensor(0, 2, 10), .from = tensor(90, 2, 10)},  // from past the old file
      {.to = tensor(10, 2, 10)},                            // overlaps the one before
      {.to = tensor(20, 2, 10), .from = tensor(0, 10, 2)},  // another form
      {.to = tensor(100, 2, 10)},                           // past the new file
      {.to = tensor(~uint64_t{0}, 2, 10)},
  };
  auto const usable = usable_pairs(pairs, 100, 100);
  ASSERT_EQ(usable.size(), 3u);
  EXPECT_EQ(usable[0].to.offset, 0u);
  EXPECT_FALSE(usable[0].from);
  EXPECT_EQ(usable[1].to.offset, 20u);
  EXPECT_FALSE(usable[1].from);
  EXPECT_EQ(usable[2].to.offset, 60u);
  EXPECT_TRUE(usable[2].from);
}

TEST(TensorMap, ScalesThatMakeNoSenseAreDropped) {
  auto scaled = [](uint64_t offset, uint32_t count) {
    auto made = tensor(0, 4, 10);
    made.scales = ScaleSpan{.offset = offset, .count = count};
    return TensorPair{.to = made};
  };
  auto const kept = [](TensorPair const& pair) {
    return usable_pairs({&pair, 1}, 100, 100).at(0).to.scales.has_value();
  };
  EXPECT_TRUE(kept(scaled(40, 4)));
  EXPECT_TRUE(kept(scaled(96, 1)));
  EXPECT_FALSE(kept(scaled(40, 3)));
  EXPECT_FALSE(kept(scaled(85, 4)));
  EXPECT_FALSE(kept(scaled(~uint64_t{0}, 4)));
}

}  // namespace
}  // namespace godwit::delta
