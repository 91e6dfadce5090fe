// Numbers by finer tables, in files that are large enough for them: what comes back, what the
// patch shows, and that dead channels and factors of rows cost little.
#include <gtest/gtest.h>

#include <bit>
#include <random>

#include "proto/format/container.h"
#include "proto/format/weights/tensor_rows.h"
#include "server/delta/delta.h"
#include "server/delta/weights/row_ratios.h"

namespace godwit::delta {
namespace {

using proto::Profile;
using proto::weights::Segment;

/// Large enough that ways are compared by tables.
constexpr uint32_t kRows = 700;
constexpr uint32_t kCols = 800;

struct Files {
  Bytes old_file;
  Bytes new_file;
  std::vector<TensorPair> pairs;
};

void append(Bytes& file, ElementType type, float weight) {
  auto const bits = std::bit_cast<uint32_t>(weight);
  uint32_t value = bits;
  if (type == ElementType::bf16) value = bits >> 16;
  if (type == ElementType::int32) value = static_cast<uint32_t>(static_cast<int32_t>(weight * 1e7));
  if (type == ElementType::fp16) {
    uint32_t const exponent = (bits >> 23) & 255;
    uint32_t const half =
        exponent < 113 ? (bits >> 20) & 7 : (exponent - 112) << 10 | ((bits >> 13) & 1023);
    value = half | (bits >> 16 & 0x8000);
  }
  for (uint32_t i = 0; i < element_bits(type) / 8; ++i)
    file.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

/// Some rows and columns are dead: next to zero in both files. `from_old` weights moved by a factor
/// of their row, some of them further.
auto make_files(ElementType type, bool from_old) -> Files {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  Files made;
  TensorSpan const span{.name = "t", .type = type, .rows = kRows, .cols = kCols};
  made.pairs = {{.to = span, .from = from_old ? std::optional(span) : std::nullopt}};
  for (uint32_t row = 0; row < kRows; ++row) {
    float const factor = 0.6f + static_cast<float>(row % 37) / 50;
    for (uint32_t col = 0; col < kCols; ++col) {
      bool const dead = row % 9 == 4 || col % 5 == 2;
      float const weight = normal(random) * (dead ? 1e-8f : 0.05f);
      append(made.old_file, type, weight);
      append(made.new_file, type, weight * factor + (dead || col % 3 ? 0 : normal(random) * 0.02f));
    }
  }
  return made;
}

auto made_of(Files const& files, Profile profile) -> Bytes {
  auto patch = make_patch(files.old_file, files.new_file,
                          PatchOptions{.profile = profile, .tensors = files.pairs});
  EXPECT_TRUE(patch) << patch.error().what;
  return patch ? *std::move(patch) : Bytes();
}

auto uses_finer_tables(ByteView patch) -> bool {
  auto const container = proto::parse_container(patch, {});
  EXPECT_TRUE(container);
  for (proto::Block const& block : container->blocks) {
    auto const segments = proto::read_segments(block, container->old_bytes);
    EXPECT_TRUE(segments);
    for (Segment const& segment : *segments)
      if (segment.is_fine()) return true;
  }
  return false;
}

TEST(FineNumbers, ComeBackInEveryTypeAndProfile) {
  for (auto const type :
       {ElementType::fp16, ElementType::bf16, ElementType::fp32, ElementType::int32})
    for (bool const from_old : {true, false}) {
      auto const files = make_files(type, from_old);
      for (auto const profile : {Profile::weights_large, Profile::weights_fast}) {
        auto const patch = made_of(files, profile);
        EXPECT_TRUE(uses_finer_tables(patch)) << to_string(type) << from_old;
        auto const made = proto::apply_patch(files.old_file, patch, {});
        ASSERT_TRUE(made) << made.error().what;
        EXPECT_TRUE(*made == files.new_file);
      }
    }
}

TEST(FineNumbers, AFactorThatManyWeightsOfARowShareIsFound) {
  auto const files = make_files(ElementType::fp32, true);
  Pages pages({});
  auto const ratios = fitted_ratios(files.old_file, files.new_file, files.pairs[0], pages);
  ASSERT_EQ(ratios.size(), kRows);
  for (uint32_t row = 0; row < kRows; ++row) {
    if (row % 9 == 4) continue;
    double const factor = 0.6 + (row % 37) / 50.0;
    EXPECT_NEAR(ratios[row], factor * proto::weights::kRatioOne, 2) << row;
  }
  // What moved by just that factor costs a bit or two, where the least squares left ten.
  auto const half = make_files(ElementType::fp16, true);
  EXPECT_LT(made_of(half, Profile::weights_large).size(), half.new_file.size() * 9 / 20);
}

TEST(FineNumbers, DeadChannelsCostLittle) {
  // All of it takes less than those that are alive do in the file.
  auto const files = make_files(ElementType::fp16, false);
  EXPECT_LT(made_of(files, Profile::weights_large).size(),
            files.new_file.size() * (8 * 4) / (9 * 5));
}

}  // namespace
}  // namespace godwit::delta
