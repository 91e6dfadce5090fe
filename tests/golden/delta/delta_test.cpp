// Patches as they were written when their modes came to be: every later decoder must make the same
// files of them, on every machine. GODWIT_WRITE_GOLDEN=1 writes those that are missing.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "proto/format/container.h"
#include "server/delta/delta.h"
#include "tests/golden/delta/golden_pairs.h"

namespace godwit::delta {
namespace {

auto file_of(Golden const& golden) -> std::string {
  return std::string(GODWIT_TEST_DATA "/golden/delta/") + golden.name + ".patch";
}

auto read_patch(std::string const& path) -> Bytes {
  std::ifstream in(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

class GoldenDelta : public testing::TestWithParam<Golden> {};
INSTANTIATE_TEST_SUITE_P(Modes, GoldenDelta, testing::ValuesIn(kGolden),
                         [](auto const& golden) { return std::string(golden.param.name); });

TEST_P(GoldenDelta, StillMakesTheSameFile) {
  auto const pair = make_pair_of(GetParam());
  auto const path = file_of(GetParam());
  if (std::getenv("GODWIT_WRITE_GOLDEN") && !std::filesystem::exists(path)) {
    auto const patch =
        make_patch(pair.old_file, pair.new_file,
                   PatchOptions{.profile = GetParam().profile, .tensors = pair.pairs});
    ASSERT_TRUE(patch) << patch.error().what;
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<char const*>(patch->data()),
               static_cast<std::streamsize>(patch->size()));
  }
  auto const patch = read_patch(path);
  auto const made = proto::apply_patch(pair.old_file, patch, {});
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_TRUE(*made == pair.new_file);

  auto const container = proto::parse_container(patch, {});
  ASSERT_TRUE(container);
  EXPECT_EQ(container->profile, GetParam().profile);
  bool shown = false;
  for (proto::Block const& block : container->blocks) {
    if (!proto::has_segments(block.operation)) continue;
    auto const segments = proto::read_segments(block, container->old_bytes);
    ASSERT_TRUE(segments);
    for (Segment const& segment : *segments)
      shown = shown ||
              (segment.kind == proto::weights::SegmentKind::tensor && GetParam().shows(segment));
  }
  EXPECT_TRUE(shown) << "the patch does not use the mode that it is named for";
}

}  // namespace
}  // namespace godwit::delta
