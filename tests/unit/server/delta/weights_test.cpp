// Patches that know tensors: every type and shape comes back, weights that moved cost little, and
// damage is refused.
#include <gtest/gtest.h>

#include <bit>
#include <random>

#include "proto/format/container.h"
#include "server/delta/delta.h"

namespace godwit::delta {
namespace {

using proto::Profile;

struct Case {
  Bytes old_file;
  Bytes new_file;
  std::vector<TensorPair> pairs;
};

/// Adds a tensor to both files: random weights, of which the new ones moved by `spread` steps.
class CaseMaker {
 public:
  explicit CaseMaker(uint32_t seed) : random_(seed) {}

  void tensor(ElementType type, uint32_t rows, uint32_t cols, double spread, bool from_old) {
    TensorSpan span{.name = "t", .type = type, .rows = rows, .cols = cols};
    TensorPair pair{.to = span};
    pair.to.offset = made_.new_file.size();
    span.offset = made_.old_file.size();
    if (from_old) pair.from = span;
    std::normal_distribution<double> normal;
    uint64_t const bytes = size_bytes(span);
    uint32_t const width = std::max(element_bits(type) / 8, 1u);
    for (uint64_t at = 0; at < bytes; at += width) {
      double const weight = normal(random_) * 0.05;
      double const moved = weight + normal(random_) * 0.05 * spread / 30;
      append(made_.old_file, type, weight);
      append(made_.new_file, type, moved);
    }
    made_.pairs.push_back(pair);
  }
  void gap(size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) {
      auto const byte = static_cast<uint8_t>(random_() % 7 * 11);
      made_.old_file.push_back(byte);
      made_.new_file.push_back(random_() % 9 ? byte : 'x');
    }
  }
  auto take() -> Case { return std::move(made_); }
  static void append(Bytes& file, ElementType type, double weight) {
    auto const put = [&](uint32_t v, int bytes) {
      for (int i = 0; i < bytes; ++i) file.push_back(static_cast<uint8_t>(v >> (8 * i)));
    };
    auto const bits = std::bit_cast<uint32_t>(static_cast<float>(weight));
    auto const code = static_cast<int32_t>(std::clamp(weight * 600, -127.0, 127.0));
    switch (type) {
      case ElementType::int8:
        return put(static_cast<uint32_t>(code), 1);
      case ElementType::uint8:
        return put(static_cast<uint32_t>(code + 128), 1);
      case ElementType::int4:
        return put(static_cast<uint32_t>((code / 16 & 15) | (code / 24 & 15) << 4), 1);
      case ElementType::int16:
        return put(static_cast<uint32_t>(static_cast<int32_t>(weight * 100000)), 2);
      case ElementType::bf16:
        return put(bits >> 16, 2);
      case ElementType::fp16: {  // normal numbers only, which these are
        uint32_t const exponent = (bits >> 23) & 255;
        uint32_t const half = exponent < 113 ? 0 : (exponent - 112) << 10 | ((bits >> 13) & 1023);
        return put(half | (bits >> 16 & 0x8000), 2);
      }
      case ElementType::int32:
        return put(static_cast<uint32_t>(static_cast<int32_t>(weight * 1e7)), 4);
      case ElementType::fp32:
        return put(bits, 4);
    }
  }

 private:
  std::mt19937 random_;
  Case made_;
};

auto make(Case const& c, Profile profile = Profile::weights_large) -> Bytes {
  auto patch =
      make_patch(c.old_file, c.new_file, PatchOptions{.profile = profile, .tensors = c.pairs});
  EXPECT_TRUE(patch) << patch.error().what;
  return patch ? *std::move(patch) : Bytes();
}
void expect_comes_back(Case const& c, Profile profile) {
  auto const patch = make(c, profile);
  auto const made = proto::apply_patch(c.old_file, patch, {});
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_TRUE(*made == c.new_file);
  auto const info = proto::inspect_patch(patch, {});
  ASSERT_TRUE(info) << info.error().what;
  EXPECT_EQ(info->added_bytes + info->copied_bytes + info->literal_bytes, c.new_file.size());
}

constexpr std::array kTypes = {ElementType::int8,  ElementType::uint8, ElementType::int4,
                               ElementType::int16, ElementType::int32, ElementType::fp16,
                               ElementType::bf16,  ElementType::fp32};

class EachType : public testing::TestWithParam<std::tuple<ElementType, Profile>> {
 protected:
  auto type() const -> ElementType { return std::get<0>(GetParam()); }
  auto profile() const -> Profile { return std::get<1>(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Weights, EachType,
                         testing::Combine(testing::ValuesIn(kTypes),
                                          testing::Values(Profile::weights_small,
                                                          Profile::weights_large,
                                                          Profile::weights_fast)),
                         [](auto const& each) {
                           auto const profile = std::get<1>(each.param);
                           return std::string(to_string(std::get<0>(each.param))) +
                                  (profile == Profile::weights_small   ? "Small"
                                   : profile == Profile::weights_large ? "Large"
                                                                       : "Fast");
                         });

TEST_P(EachType, ComesBackInEveryShape) {
  constexpr std::pair<uint32_t, uint32_t> kShapes[] = {{1, 2},    {1, 700}, {7, 10},
                                                       {3, 1030}, {40, 26}, {2, 8200}};
  uint32_t seed = 1;
  for (auto const& [rows, cols] : kShapes)
    for (double const spread : {0.0, 0.5, 60.0})
      for (bool const from_old : {true, false}) {
        CaseMaker maker(seed++);
        maker.gap(seed % 90);
        maker.tensor(type(), rows, cols, spread, from_old);
        maker.gap(seed % 3);
        expect_comes_back(maker.take(), profile());
      }
}

TEST_P(EachType, ComesBackAcrossBlocks) {
  CaseMaker maker(5);
  maker.gap(1000);
  maker.tensor(type(), 300, 900, 0.5, true);
  maker.gap(333);
  maker.tensor(type(), 1, 70'000, 0.5, true);
  expect_comes_back(maker.take(), profile());
}

TEST_P(EachType, ComesBackFromNoise) {
  std::mt19937 random(9);
  Case c;
  for (int i = 0; i < 40'000; ++i) {
    c.old_file.push_back(static_cast<uint8_t>(random()));
    c.new_file.push_back(static_cast<uint8_t>(random() % 4 ? random() : c.old_file.back()));
  }
  TensorSpan const span{.name = "noise", .type = type(), .rows = 100, .cols = 50};
  c.pairs = {{.to = span, .from = span}};
  expect_comes_back(c, profile());
}

/// Rows of int8 that were scaled and moved along a few directions.
auto ranked_case() -> Case {
  constexpr uint32_t kRows = 256;
  constexpr uint32_t kCols = 512;
  std::mt19937 random(17);
  std::normal_distribution<double> normal;
  std::vector<double> across(kCols);
  for (double& v : across) v = normal(random) * 4;
  Case c;
  for (uint32_t i = 0; i < kRows; ++i) {
    double const along = normal(random);
    double const ratio = 0.9 + 0.002 * static_cast<double>(random() % 100);
    for (uint32_t j = 0; j < kCols; ++j) {
      auto const code = static_cast<int32_t>(std::clamp(normal(random) * 30, -100.0, 100.0));
      double const moved = code * ratio + along * across[j] + normal(random) * 0.3;
      c.old_file.push_back(static_cast<uint8_t>(code));
      c.new_file.push_back(static_cast<uint8_t>(std::lround(std::clamp(moved, -127.0, 127.0))));
    }
  }
  TensorSpan const span{.name = "w", .rows = kRows, .cols = kCols};
  c.pairs = {{.to = span, .from = span}};
  return c;
}

TEST(Weights, FindsScaledRowsAndLowRank) {
  auto const c = ranked_case();
  auto const patch = make(c);
  auto const container = proto::parse_container(patch, {});
  ASSERT_TRUE(container);
  auto const segments = proto::read_segments(container->blocks.at(0), container->old_bytes);
  ASSERT_TRUE(segments);
  EXPECT_TRUE(segments->at(0).scaled);
  EXPECT_TRUE(segments->at(0).ranked);
  EXPECT_FALSE(container->sections.empty());
  EXPECT_LT(patch.size(), c.new_file.size() / 4);
}

/// Numbers of a type that a product of factors of rank 4 was added to, as LoRA does it.
auto adapted_case(ElementType type) -> Case {
  constexpr uint32_t kRows = 256;
  constexpr uint32_t kCols = 320;
  constexpr size_t kRank = 4;
  std::mt19937 random(19);
  std::normal_distribution<double> normal;
  std::vector<double> across(kRank * kCols);
  for (double& v : across) v = normal(random);
  Case c;
  for (uint32_t i = 0; i < kRows; ++i) {
    std::array<double, kRank> along;
    for (double& v : along) v = normal(random) * 0.002;
    for (uint32_t j = 0; j < kCols; ++j) {
      double const weight = normal(random) * 0.05;
      double moved = weight;
      for (size_t k = 0; k < kRank; ++k) moved += along[k] * across[k * kCols + j];
      CaseMaker::append(c.old_file, type, weight);
      CaseMaker::append(c.new_file, type, moved);
    }
  }
  TensorSpan const span{.name = "w", .type = type, .rows = kRows, .cols = kCols};
  c.pairs = {{.to = span, .from = span}};
  return c;
}

TEST(Weights, FindsAdaptersOfLowRankInFloats) {
  struct {
    ElementType type;
    size_t part;  // of the new file, at most
  } const rows[] = {{ElementType::fp16, 7}, {ElementType::bf16, 7}, {ElementType::fp32, 2}};
  for (auto const& [type, part] : rows) {
    auto const c = adapted_case(type);
    for (Profile const profile : {Profile::weights_small, Profile::weights_large}) {
      auto const patch =
          make_patch(c.old_file, c.new_file, PatchOptions{.profile = profile, .tensors = c.pairs});
      ASSERT_TRUE(patch);
      auto const container = proto::parse_container(*patch, {});
      auto const segments = proto::read_segments(container->blocks.at(0), container->old_bytes);
      ASSERT_TRUE(segments);
      EXPECT_TRUE(segments->at(0).ranked) << to_string(type);
      EXPECT_FALSE(segments->at(0).scaled) << to_string(type);
      EXPECT_LT(patch->size(), c.new_file.size() / part) << to_string(type);
    }
  }
}

/// Numbers out of a codebook of sixteen, all of which moved; one in twenty took another one.
auto codebook_case(ElementType type) -> Case {
  std::mt19937 random(23);
  std::normal_distribution<double> normal;
  std::array<double, 16> before;
  std::array<double, 16> after;
  for (size_t i = 0; i < before.size(); ++i) {
    before[i] = normal(random) * 0.05;
    after[i] = before[i] + normal(random) * 0.001;
  }
  Case c;
  constexpr uint32_t kRows = 200;
  constexpr uint32_t kCols = 400;
  for (uint32_t i = 0; i < kRows * kCols; ++i) {
    size_t const code = random() % 16;
    CaseMaker::append(c.old_file, type, before[code]);
    CaseMaker::append(c.new_file, type, after[random() % 20 ? code : random() % 16]);
  }
  TensorSpan const span{.name = "w", .type = type, .rows = kRows, .cols = kCols};
  c.pairs = {{.to = span, .from = span}};
  return c;
}

TEST(Weights, NumbersOfACodebookCostWhatTheirCodesDo) {
  for (ElementType const type : {ElementType::fp32, ElementType::fp16}) {
    auto c = codebook_case(type);
    // Half a bit says which code took which; four bits which code there is.
    EXPECT_LT(make(c).size(), size_t{200} * 400 / 8) << to_string(type);
    for (Profile const profile : {Profile::weights_small, Profile::weights_fast})
      expect_comes_back(c, profile);
    c.pairs[0].from.reset();
    c.old_file.clear();
    EXPECT_LT(make(c).size(), size_t{200} * 400 * 6 / 8) << to_string(type);
  }
}

TEST(Weights, ZerosAmongFloatsCostLittle) {
  for (ElementType const type : {ElementType::fp16, ElementType::bf16, ElementType::fp32}) {
    std::mt19937 random(29);
    std::normal_distribution<double> normal;
    Case c;
    constexpr uint32_t kRows = 200;
    constexpr uint32_t kCols = 300;
    uint32_t others = 0;
    for (uint32_t i = 0; i < kRows * kCols; ++i) {
      bool const dead = i / kCols % 4 != 0;  // rows that training or pruning left at zero
      others += !dead;
      CaseMaker::append(c.new_file, type, dead ? 0 : normal(random) * 0.05);
    }
    c.pairs = {{.to = {.name = "w", .type = type, .rows = kRows, .cols = kCols}}};
    EXPECT_LT(make(c).size(), size_t{others} * element_bits(type) / 8) << to_string(type);
    for (Profile const profile : {Profile::weights_small, Profile::weights_fast})
      expect_comes_back(c, profile);
  }
}

TEST(Weights, FloatsThatWereShorterOnceCostWhatTheyDidThen) {
  CaseMaker maker(31);
  maker.tensor(ElementType::bf16, 100, 300, 0.5, true);
  auto const narrow = maker.take();
  Case wide;
  auto const widen = [](Bytes const& from, Bytes& to) {
    for (size_t i = 0; i < from.size(); i += 2) {
      to.insert(to.end(), {0, 0});
      to.insert(to.end(), {from[i], from[i + 1]});
    }
  };
  widen(narrow.old_file, wide.old_file);
  widen(narrow.new_file, wide.new_file);
  TensorSpan const span{.name = "w", .type = ElementType::fp32, .rows = 100, .cols = 300};
  for (bool const from_old : {true, false}) {
    auto was = narrow;
    if (!from_old) was.pairs[0].from.reset();
    wide.pairs = {{.to = span, .from = from_old ? std::optional(span) : std::nullopt}};
    EXPECT_LT(make(wide).size(), make(was).size() * 21 / 20) << from_old;
    for (Profile const profile : {Profile::weights_small, Profile::weights_fast})
      expect_comes_back(wide, profile);
  }
}

TEST(Weights, AnUnchangedTensorIsCopied) {
  CaseMaker maker(3);
  maker.tensor(ElementType::fp32, 300, 1000, 0, true);
  auto const patch = make(maker.take());
  EXPECT_LT(patch.size(), 250u);
}

TEST(Weights, AreSmallerThanBytesForEveryType) {
  for (ElementType const type : kTypes) {
    CaseMaker maker(4);
    maker.tensor(type, 200, 300, 0.4, true);
    auto const c = maker.take();
    auto const knowing = make(c);
    auto const blind = make_patch(c.old_file, c.new_file, PatchOptions{.profile = Profile::bytes});
    ASSERT_TRUE(blind);
    EXPECT_LT(knowing.size(), blind->size()) << to_string(type);
  }
}

TEST(Weights, EveryCutIsRefused) {
  auto const c = ranked_case();
  auto const patch = make(c);
  for (size_t bytes = 0; bytes < patch.size(); bytes += 1 + bytes / 40)
    EXPECT_FALSE(proto::apply_patch(c.old_file, ByteView(patch).first(bytes), {})) << bytes;
}

TEST(Weights, EveryFlippedBitIsRefused) {
  CaseMaker maker(8);
  maker.gap(100);
  maker.tensor(ElementType::int8, 20, 30, 2, true);
  maker.tensor(ElementType::fp32, 1, 20, 1, true);
  auto const c = maker.take();
  auto patch = make(c);
  for (size_t at = 0; at < patch.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      patch[at] = static_cast<uint8_t>(patch[at] ^ 1 << bit);
      auto const made = proto::apply_patch(c.old_file, patch, {.new_bytes_max = 1 << 20});
      if (made) {
        EXPECT_TRUE(*made == c.new_file) << at;
      }
      patch[at] = static_cast<uint8_t>(patch[at] ^ 1 << bit);
    }
}

TEST(Weights, AWrongMapOnlyCostsBytes) {
  CaseMaker maker(12);
  maker.tensor(ElementType::int8, 100, 100, 1, true);
  auto c = maker.take();
  c.pairs[0].to.rows = c.pairs[0].from->rows = 37;
  c.pairs[0].to.type = c.pairs[0].from->type = ElementType::fp16;
  c.pairs[0].to.offset = 3;
  expect_comes_back(c, Profile::weights_large);
}

}  // namespace
}  // namespace godwit::delta
