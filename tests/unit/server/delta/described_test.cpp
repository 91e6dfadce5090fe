// Version 3 of the container: int8 that stand beside nothing and have peaks, lists that are
// products of others, bytes in records, and descriptions that are coded.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "proto/format/container.h"
#include "proto/format/weights/description.h"
#include "proto/format/weights/kept_floats.h"
#include "server/delta/delta.h"
#include "server/delta/weights/binary_encoder.h"

namespace godwit::delta {
namespace {

using proto::Profile;
using proto::weights::Peaks;
using proto::weights::Segment;

constexpr std::array kProfiles = {Profile::weights_small, Profile::weights_large,
                                  Profile::weights_fast};

struct NewFile {
  Bytes file;
  std::vector<TensorPair> pairs;

  void tensor(ElementType type, uint32_t rows, uint32_t cols, ByteView bytes) {
    TensorSpan const span{
        .name = "t", .type = type, .offset = file.size(), .rows = rows, .cols = cols};
    pairs.push_back({.to = span});
    file.insert(file.end(), bytes.begin(), bytes.end());
  }
};

auto make(NewFile const& made, Profile profile) -> Bytes {
  auto patch = make_patch({}, made.file, {.profile = profile, .tensors = made.pairs});
  EXPECT_TRUE(patch) << patch.error().what;
  return patch ? *std::move(patch) : Bytes();
}
void expect_comes_back(NewFile const& made) {
  for (Profile const profile : kProfiles) {
    auto const applied = proto::apply_patch({}, make(made, profile), {});
    ASSERT_TRUE(applied) << applied.error().what;
    EXPECT_TRUE(*applied == made.file);
  }
}
auto segments_of(ByteView patch) -> std::vector<Segment> {
  std::vector<Segment> all;
  auto const container = proto::parse_container(patch, {});
  EXPECT_TRUE(container);
  for (auto const& block : container->blocks) {
    auto const segments = proto::read_segments(block, container->old_bytes);
    EXPECT_TRUE(segments);
    all.insert(all.end(), segments->begin(), segments->end());
  }
  return all;
}

/// As converters make them: each channel times what makes its largest weight 127.
auto peaked(uint32_t rows, uint32_t cols, Peaks peaks, uint32_t seed) -> Bytes {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> weights(size_t{rows} * cols);
  for (float& weight : weights) weight = normal(random);
  bool const by_row = peaks == Peaks::rows;
  std::vector<float> largest(by_row ? rows : cols);
  for (size_t i = 0; i < weights.size(); ++i) {
    float& channel = largest[by_row ? i / cols : i % cols];
    channel = std::max(channel, std::abs(weights[i]));
  }
  Bytes codes(weights.size());
  for (size_t i = 0; i < weights.size(); ++i)
    codes[i] =
        static_cast<uint8_t>(std::lround(weights[i] * 127 / largest[by_row ? i / cols : i % cols]));
  return codes;
}

TEST(Described, PeaksOfRowsAndOfColumnsAreFound) {
  for (Peaks const peaks : {Peaks::rows, Peaks::columns}) {
    NewFile made;
    made.tensor(ElementType::int8, 24, 24, peaked(24, 24, peaks, 1));
    expect_comes_back(made);
    for (Profile const profile : {Profile::weights_small, Profile::weights_large}) {
      auto const segments = segments_of(make(made, profile));
      ASSERT_EQ(segments.size(), 1u);
      EXPECT_TRUE(segments[0].is_alone());
      EXPECT_EQ(segments[0].peaks, peaks);
    }
  }
}

TEST(Described, EveryWeightComesBackAlone) {
  NewFile made;
  Bytes every(512);
  for (size_t i = 0; i < every.size(); ++i) every[i] = static_cast<uint8_t>(i * 37);
  made.tensor(ElementType::int8, 16, 32, every);
  made.tensor(ElementType::uint8, 32, 16, every);
  made.tensor(ElementType::int8, 1, 512, every);
  made.tensor(ElementType::int8, 4, 9000, peaked(4, 9000, Peaks::rows, 2));     // keeps no columns
  made.tensor(ElementType::uint8, 700, 500, peaked(700, 500, Peaks::rows, 3));  // of two blocks
  expect_comes_back(made);
}

/// In small memory both models of codes have one place.
TEST(Described, BlocksMayGoBetweenModels) {
  NewFile made;
  Bytes old_file;
  for (uint32_t i = 0; i < 6; ++i) {
    auto const codes = peaked(20, 40, Peaks::rows, 4 + i);
    made.tensor(ElementType::int8, 20, 40, codes);
    if (i % 2) continue;
    TensorSpan from = made.pairs.back().to;
    from.offset = old_file.size();
    made.pairs.back().from = from;
    old_file.insert(old_file.end(), codes.begin(), codes.end());
    for (size_t j = 0; j < codes.size(); j += 3) ++made.file[made.file.size() - codes.size() + j];
  }
  for (Profile const profile : kProfiles) {
    auto const patch = make_patch(old_file, made.file, {.profile = profile, .tensors = made.pairs});
    ASSERT_TRUE(patch) << patch.error().what;
    auto const applied = proto::apply_patch(old_file, *patch, {});
    ASSERT_TRUE(applied) << applied.error().what;
    EXPECT_TRUE(*applied == made.file);
  }
}

void append_floats(Bytes& file, std::span<float const> values) {
  size_t const at = file.size();
  file.resize(at + values.size() * 4);
  std::memcpy(file.data() + at, values.data(), values.size() * 4);
}

TEST(Described, ScalesOfBiasesCostNothingBesideThoseOfWeights) {
  std::mt19937 random(5);
  std::vector<float> scales(200);
  for (float& scale : scales) scale = static_cast<float>(random() % 90000 + 10000) * 1e-7f;
  std::vector<float> products;
  for (float const scale : scales) products.push_back(scale * 0.0235294122f);
  Bytes bytes;
  append_floats(bytes, scales);
  NewFile alone;
  alone.tensor(ElementType::fp32, 1, 200, bytes);
  NewFile both = alone;
  bytes.clear();
  append_floats(bytes, products);
  both.tensor(ElementType::fp32, 1, 200, bytes);
  expect_comes_back(both);
  for (Profile const profile : {Profile::weights_small, Profile::weights_large}) {
    auto const patch = make(both, profile);
    EXPECT_LT(patch.size(), make(alone, profile).size() + 30);
    EXPECT_EQ(segments_of(patch).back().back, 200u);
  }
  // Further back than a small decoder remembers.
  NewFile far = alone;
  for (float& scale : scales) scale = static_cast<float>(random() % 90000 + 10000) * 1e-7f;
  bytes.clear();
  append_floats(bytes, scales);
  far.tensor(ElementType::fp32, 1, 200, bytes);
  bytes.clear();
  append_floats(bytes, products);
  far.tensor(ElementType::fp32, 1, 200, bytes);
  expect_comes_back(far);
  EXPECT_EQ(segments_of(make(far, Profile::weights_small)).back().back, 0u);
  EXPECT_EQ(segments_of(make(far, Profile::weights_large)).back().back, 400u);
}

TEST(Described, ProductsAreThoseOfTheProcessor) {
  std::mt19937 random(6);
  for (int i = 0; i < 100000; ++i) {
    auto const a = std::bit_cast<float>(static_cast<uint32_t>(random()));
    auto const b = std::bit_cast<float>(static_cast<uint32_t>(random()));
    float const product = a * b;
    bool const normal = std::isnormal(a) && std::isnormal(b) && std::isnormal(product);
    uint32_t const ours =
        proto::weights::product_of(std::bit_cast<uint32_t>(a), std::bit_cast<uint32_t>(b));
    // What is rounded up to the smallest normal number from below may be either.
    if (!normal || std::abs(product) == std::numeric_limits<float>::min()) continue;
    EXPECT_EQ(ours, std::bit_cast<uint32_t>(product));
  }
}

TEST(Described, RecordsThatDifferInAFewBytesAreSmall) {
  std::mt19937 random(7);
  NewFile made;
  for (uint32_t i = 0; i < 500; ++i)
    for (uint32_t j = 0; j < 24; ++j)
      made.file.push_back(static_cast<uint8_t>(j == 5 ? random() : j * j + 3));
  expect_comes_back(made);
  EXPECT_LT(make(made, Profile::weights_small).size(), 500u * 3);
}

auto described(Segment segment, uint64_t expected) -> Segment {
  BinaryEncoder encoder;
  auto model = proto::weights::DescriptionModel();
  model.code(encoder, expected, segment);
  Bytes const coded = encoder.finish();
  proto::ViewSource source(coded);
  proto::BufferedReader reader(source, 0, coded.size());
  proto::weights::BinaryDecoder decoder(reader, coded.size());
  Segment read;
  model.reset();
  model.code(decoder, expected, read);
  return read;
}

TEST(Described, DescriptionsComeBack) {
  using enum proto::weights::SegmentKind;
  using proto::weights::Element;
  Segment const segments[] = {
      {.kind = copy, .bytes = 262144, .old_offset = 1},
      {.kind = bytes, .bytes = 1, .old_offset = 268435456, .coded_bytes = 262143, .tabled = true},
      {.kind = tensor,
       .old_offset = 77,
       .coded_bytes = 5,
       .element = Element::int8,
       .rows = 3,
       .cols = 9,
       .further = true,
       .peaks = Peaks::columns},
      {.kind = tensor,
       .coded_bytes = 0,
       .element = Element::fp16,
       .from_old = true,
       .scaled = true,
       .ranked = true,
       .rows = 262144,
       .cols = 1,
       .factor = 300},
      {.kind = tensor,
       .old_offset = 77,
       .element = Element::bf16,
       .wide = true,
       .rows = 1,
       .cols = 131072,
       .further = true,
       .codebook = 256},
      {.kind = tensor,
       .old_offset = 77,
       .element = Element::fp32,
       .rows = 1,
       .cols = 40,
       .further = true,
       .back = 16384,
       .times = 0xdeadbeef},
      {.kind = tensor,
       .old_offset = 77,
       .element = Element::fp32,
       .rows = 1,
       .cols = 40,
       .further = true,
       .trailing = 22}};
  for (Segment const& segment : segments) EXPECT_TRUE(described(segment, 77) == segment);
}

TEST(Described, WhatMakesNoSenseIsRefused) {
  using enum proto::weights::SegmentKind;
  using proto::weights::Element;
  Segment const good{.kind = tensor, .element = Element::fp32, .rows = 1, .cols = 8};
  auto const refused = [&](auto&& change) {
    Segment segment = good;
    change(segment);
    return !proto::weights::settle(segment, 100, 1000);
  };
  EXPECT_FALSE(refused([](Segment&) {}));
  EXPECT_TRUE(refused([](Segment& s) { s.cols = 251; }));
  EXPECT_TRUE(refused([](Segment& s) { s.rows = 0; }));
  EXPECT_TRUE(refused([](Segment& s) { s.scaled = true; }));
  EXPECT_TRUE(refused([](Segment& s) { s.from_old = true, s.old_offset = 90; }));
  EXPECT_TRUE(refused([](Segment& s) { s.further = true, s.trailing = 23; }));
  EXPECT_TRUE(refused([](Segment& s) { s.further = true, s.codebook = 257; }));
  EXPECT_TRUE(refused([](Segment& s) { s.wide = true; }));
  EXPECT_FALSE(refused([](Segment& s) { s.wide = true, s.tabled = true; }));
  EXPECT_FALSE(refused([](Segment& s) { s.further = true, s.back = 8; }));
  EXPECT_TRUE(refused([](Segment& s) { s.further = true, s.back = 7; }));
  EXPECT_TRUE(refused([](Segment& s) { s.further = true, s.back = 8, s.rows = 2; }));
  EXPECT_TRUE(refused([](Segment& s) { s.further = true, s.back = 8, s.tabled = true; }));
  EXPECT_TRUE(
      refused([](Segment& s) { s.further = true, s.back = 8, s.element = Element::int32; }));
  auto const narrow = [&](auto&& change) {
    return refused([&](Segment& s) {
      s.element = Element::int8;
      s.further = true;
      change(s);
    });
  };
  EXPECT_FALSE(narrow([](Segment&) {}));
  EXPECT_TRUE(narrow([](Segment& s) { s.peaks = static_cast<Peaks>(3); }));
  EXPECT_TRUE(narrow([](Segment& s) { s.wide = true; }));
  EXPECT_TRUE(narrow([](Segment& s) { s.tabled = true; }));
  EXPECT_TRUE(narrow([](Segment& s) { s.from_old = true; }));
}

TEST(Described, EveryFlippedBitIsRefused) {
  NewFile made;
  made.tensor(ElementType::int8, 12, 12, peaked(12, 12, Peaks::rows, 8));
  Bytes bytes;
  std::vector<float> values(8, 0.25f);
  append_floats(bytes, values);
  made.tensor(ElementType::fp32, 1, 8, bytes);
  made.file.insert(made.file.end(), 40, 7);
  auto patch = make(made, Profile::weights_small);
  for (size_t at = 0; at < patch.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      patch[at] = static_cast<uint8_t>(patch[at] ^ 1 << bit);
      auto const applied = proto::apply_patch({}, patch, {.new_bytes_max = 1 << 20});
      if (applied) {
        EXPECT_TRUE(*applied == made.file) << at;
      }
      patch[at] = static_cast<uint8_t>(patch[at] ^ 1 << bit);
    }
}

}  // namespace
}  // namespace godwit::delta
