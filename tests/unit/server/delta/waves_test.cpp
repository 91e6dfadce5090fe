// Windowed Fourier bases, with which networks of sound begin: they cost what a quarter of their
// first row does.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <numbers>
#include <random>

#include "proto/format/container.h"
#include "proto/format/weights/waves.h"
#include "server/delta/delta.h"

namespace godwit::delta {
namespace {

using proto::Profile;
using proto::weights::Segment;

enum class Sines { none, falling, rising };

/// Of so many columns, as frameworks compute it: cosines in float32 times a Hann window.
struct Basis {
  Basis(uint32_t columns, Sines with) : cols(columns), sines(with) {
    uint32_t const half = cols / 2 + 1;
    rows = sines == Sines::none ? half : 2 * half;
    for (uint32_t row = 0; row < rows; ++row)
      for (uint32_t col = 0; col < cols; ++col)
        append(wave(row % half * col % cols, row >= half) * window(col));
  }
  auto span() const -> TensorSpan {
    return {.name = "b", .type = ElementType::fp32, .offset = 3, .rows = rows, .cols = cols};
  }
  auto patch(Profile profile) const -> Bytes {
    TensorPair const pair{.to = span()};
    auto made = make_patch({}, file, {.profile = profile, .tensors = {&pair, 1}});
    EXPECT_TRUE(made) << made.error().what;
    return made ? *std::move(made) : Bytes();
  }

  uint32_t cols;
  uint32_t rows = 0;
  Sines sines;
  Bytes file = Bytes(3, 7);

 private:
  auto wave(uint32_t place, bool sine) const -> float {
    if (place % (cols / 4) == 0 && (place / (cols / 4) % 2 == 1) != sine) return 0;
    double const angle = 2 * std::numbers::pi * place / cols;
    if (!sine) return static_cast<float>(std::cos(angle));
    return static_cast<float>(sines == Sines::rising ? std::sin(angle) : -std::sin(angle));
  }
  auto window(uint32_t col) const -> float {
    auto const from_end = static_cast<double>(std::min(col, cols - col));
    return static_cast<float>(0.54 - 0.46 * std::cos(2 * std::numbers::pi * from_end / cols));
  }
  void append(float value) {
    auto const bits = std::bit_cast<uint32_t>(value == 0 ? 0.0f : value);
    for (uint32_t shift = 0; shift < 32; shift += 8)
      file.push_back(static_cast<uint8_t>(bits >> shift));
  }
};

void expect_comes_back(Basis const& basis, Profile profile) {
  auto const applied = proto::apply_patch({}, basis.patch(profile), {});
  ASSERT_TRUE(applied) << applied.error().what;
  EXPECT_TRUE(*applied == basis.file);
}

class EachBasis : public testing::TestWithParam<Sines> {};
INSTANTIATE_TEST_SUITE_P(Waves, EachBasis,
                         testing::Values(Sines::none, Sines::falling, Sines::rising));

TEST_P(EachBasis, CostsWhatAQuarterOfItsFirstRowDoes) {
  for (uint32_t const cols : {16u, 64u, 400u}) {
    Basis const basis(cols, GetParam());
    for (Profile const profile : {Profile::weights_small, Profile::weights_large}) {
      // Blocks may begin in its middle, with the values anew.
      size_t const blocks = basis.file.size() / proto::kBlockBytesMax + 1;
      EXPECT_LT(
          basis.patch(profile).size(),
          150 + blocks * (40 + 4 * proto::weights::wave_values(cols)) + basis.file.size() / 500)
          << cols;
      expect_comes_back(basis, profile);
    }
    expect_comes_back(basis, Profile::weights_fast);
  }
}

TEST(Waves, OnesThatAreOffHereAndThereComeBack) {
  Basis basis(64, Sines::falling);
  std::mt19937 random(5);
  for (int i = 0; i < 200; ++i) basis.file[3 + random() % (basis.file.size() - 3)] ^= 1;
  // The window is the same on both sides: what the first row has lost there it has on neither.
  Basis const whole(64, Sines::falling);
  std::copy_n(whole.file.begin(), 3 + 64 * 4, basis.file.begin());
  EXPECT_LT(basis.patch(Profile::weights_large).size(), 2000u);
  for (Profile const profile :
       {Profile::weights_small, Profile::weights_large, Profile::weights_fast})
    expect_comes_back(basis, profile);
}

/// Files cut out of a basis, or of its shape: nothing is taken for what it is not.
TEST(Waves, OtherTensorsOfTheirShapeAreCodedAsEver) {
  Basis basis(32, Sines::falling);
  std::mt19937 random(6);
  for (size_t i = 3 + 32 * 4; i < basis.file.size(); i += 4)
    for (size_t k = 0; k < 3; ++k) basis.file[i + k] = static_cast<uint8_t>(random());
  for (Profile const profile :
       {Profile::weights_small, Profile::weights_large, Profile::weights_fast})
    expect_comes_back(basis, profile);
}

TEST(Waves, EveryCutAndEveryFlippedBitIsRefused) {
  Basis const basis(16, Sines::rising);
  auto patch = basis.patch(Profile::weights_large);
  for (size_t bytes = 0; bytes < patch.size(); ++bytes)
    EXPECT_FALSE(proto::apply_patch({}, ByteView(patch).first(bytes), {}));
  for (size_t at = 0; at < patch.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      patch[at] = static_cast<uint8_t>(patch[at] ^ 1 << bit);
      auto const applied = proto::apply_patch({}, patch, {.new_bytes_max = 1 << 20});
      if (applied) {
        EXPECT_TRUE(*applied == basis.file) << at;
      }
      patch[at] = static_cast<uint8_t>(patch[at] ^ 1 << bit);
    }
}

TEST(Waves, WhatMakesNoSenseIsRefused) {
  Segment const good{.kind = proto::weights::SegmentKind::tensor,
                     .element = proto::weights::Element::fp32,
                     .rows = 2,
                     .cols = 8,
                     .further = true,
                     .waves = true};
  auto const refused = [&](auto&& change) {
    Segment segment = good;
    change(segment);
    return !proto::weights::settle(segment, 100, 1000);
  };
  EXPECT_FALSE(refused([](Segment&) {}));
  EXPECT_TRUE(refused([](Segment& s) { s.cols = 6; }));
  EXPECT_TRUE(refused([](Segment& s) { s.cols = 0; }));
  EXPECT_TRUE(refused([](Segment& s) { s.from_old = true; }));
  EXPECT_TRUE(refused([](Segment& s) { s.tabled = true; }));
  EXPECT_TRUE(refused([](Segment& s) { s.element = proto::weights::Element::int32; }));
}

}  // namespace
}  // namespace godwit::delta
