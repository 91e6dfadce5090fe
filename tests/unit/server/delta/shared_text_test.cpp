#include "server/delta/weights/shared_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace godwit::delta {
namespace {

auto random_bytes(size_t count, uint32_t seed) -> Bytes {
  std::mt19937 random(seed);
  Bytes bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

auto holds(std::vector<Part> const& parts, uint64_t offset, uint64_t bytes) -> bool {
  return std::ranges::any_of(parts, [&](Part const& part) {
    return part.offset <= offset && offset + bytes <= part.offset + part.bytes;
  });
}

TEST(SharedText, KeepsEveryRunThatIsLongEnoughWhereverItLies) {
  auto const old_file = random_bytes(100'000, 1);
  for (size_t at = 0; at + kSharedRun <= old_file.size(); at += 977) {
    auto text = random_bytes(3000, 2);
    std::copy_n(&old_file[at], kSharedRun, &text[at % 2000]);
    auto const kept = parts_shared(old_file, {{.offset = 0, .bytes = old_file.size()}}, text);
    EXPECT_TRUE(holds(kept, at, kSharedRun)) << at;
    EXPECT_LE(kept.size(), 1u) << at;
    EXPECT_LE(kept.front().bytes, 20'000u) << at;
  }
}

TEST(SharedText, KeepsNothingOfWhatResemblesNothing) {
  auto const old_file = random_bytes(100'000, 3);
  EXPECT_TRUE(
      parts_shared(old_file, {{.offset = 0, .bytes = old_file.size()}}, random_bytes(100'000, 4))
          .empty());
  EXPECT_TRUE(parts_shared(old_file, {{.offset = 5, .bytes = 3}}, old_file).empty());
  EXPECT_TRUE(parts_shared(old_file, {}, old_file).empty());
  EXPECT_TRUE(parts_shared(old_file, {{.offset = 0, .bytes = 50}}, {}).empty());
}

TEST(SharedText, StaysWithinTheParts) {
  auto const file = random_bytes(60'000, 5);
  std::vector<Part> const parts{{.offset = 100, .bytes = 30'000}, {.offset = 30'200, .bytes = 900}};
  auto const kept = parts_shared(file, parts, file);
  ASSERT_EQ(kept.size(), parts.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    EXPECT_EQ(kept[i].offset, parts[i].offset);
    EXPECT_EQ(kept[i].bytes, parts[i].bytes);
  }
}

}  // namespace
}  // namespace godwit::delta
