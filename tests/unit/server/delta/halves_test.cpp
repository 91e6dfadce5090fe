// float32 that are halves times a factor of their row: the arithmetic against the processor's, what
// is found, and that it comes back.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <random>

#include "proto/format/container.h"
#include "proto/format/weights/halves.h"
#include "proto/format/weights/tensor_rows.h"
#include "server/delta/delta.h"
#include "server/delta/weights/row_factors.h"

namespace godwit::delta {
namespace {

using proto::Profile;
namespace weights = proto::weights;

auto value_of(uint32_t half) -> float {
  auto const exponent = static_cast<int>((half >> 10) & 31);
  auto const mantissa = static_cast<float>((half & 1023) | (exponent > 0 ? 1024 : 0));
  return std::ldexp(half & 0x8000 ? -mantissa : mantissa, std::max(exponent, 1) - 25);
}

TEST(Halves, AreMultipliedAsTheProcessorDoes) {
  for (float const factor : {1.0f, 0.0123456f, -3.9999998f, 1e-20f, 7.7e30f}) {
    auto const bits = std::bit_cast<uint32_t>(factor);
    for (uint32_t half = 0; half < 0x10000; ++half) {
      if ((half & 0x7c00) == 0x7c00) continue;  // infinities and what is no number
      float const product = value_of(half) * factor;
      auto const made = weights::half_times(half, bits);
      if (std::isnormal(product) || product == 0) {
        ASSERT_EQ(made, std::bit_cast<uint32_t>(product)) << half << " * " << factor;
        if (product != 0) {
          ASSERT_EQ(weights::half_over(made, bits), half);
        }
      } else {
        ASSERT_EQ(made & 0x7fffffff, 0u);
      }
    }
  }
}

TEST(Halves, OfWhatIsNotNormalAreZero) {
  for (uint32_t const strange : {0u, 0x00000001u, 0x80000000u, 0x7f800000u, 0x7fc00000u}) {
    EXPECT_EQ(weights::half_times(0x3c00, strange) & 0x7fffffff, 0u);
    EXPECT_LE(weights::half_over(0x3f800000, strange), 0xffffu);
    EXPECT_LE(weights::half_over(strange, 0x3f800000), 0xffffu);
  }
}

/// Rows of halves about normal, each times a factor, as float32.
class Network {
 public:
  Network(uint32_t rows, uint32_t cols, uint32_t mantissa_bits = 10) : rows_(rows), cols_(cols) {
    std::mt19937 random(3);
    std::normal_distribution<float> bell(0, 0.05f);
    std::uniform_real_distribution<float> scales(0.01f, 4);
    for (uint32_t row = 0; row < rows; ++row) {
      auto const factor = std::bit_cast<uint32_t>(scales(random));
      for (uint32_t j = 0; j < cols; ++j) {
        uint32_t const half = weights::half_over(std::bit_cast<uint32_t>(bell(random)), 0x3f800000);
        put(weights::half_times(half >> (10 - mantissa_bits) << (10 - mantissa_bits), factor));
      }
    }
  }
  void put(uint32_t number) {
    for (int i = 0; i < 4; ++i) file.push_back(static_cast<uint8_t>(number >> (8 * i)));
  }
  auto span() const -> TensorSpan {
    return {.name = "w", .type = ElementType::fp32, .offset = 0, .rows = rows_, .cols = cols_};
  }
  auto factors() const -> RowFactors {
    Pages pages({});
    return row_factors(file, span(), pages);
  }
  auto patch(Profile profile) const -> Bytes {
    std::vector<TensorPair> const pairs = {{.to = span()}};
    auto made = make_patch({}, file, {.profile = profile, .tensors = pairs});
    EXPECT_TRUE(made) << made.error().what;
    return made ? *std::move(made) : Bytes();
  }
  Bytes file;

 private:
  uint32_t rows_;
  uint32_t cols_;
};

TEST(Halves, AreFoundWithTheFactorOfEachRow) {
  Network const network(40, 100);
  auto const found = network.factors();
  EXPECT_EQ(found.rows.size(), 40u);
  EXPECT_EQ(found.trailing, 0u);
}

TEST(Halves, OfWhatWasDequantisedKeepTheirTrailingZeros) {
  Network const network(8, 300, 6);
  auto const found = network.factors();
  EXPECT_EQ(found.rows.size(), 8u);
  EXPECT_EQ(found.trailing, 4u);
}

TEST(Halves, AreNotFoundWhereOneNumberIsAnother) {
  Network network(40, 100);
  network.file[4 * 2345] ^= 1;
  EXPECT_TRUE(network.factors().rows.empty());
}

TEST(Halves, AreNotFoundAmongInfinitiesOrAmongFullNumbers) {
  Network endless(4, 16);
  std::fill_n(endless.file.begin() + 4, 4, uint8_t{0xff});
  EXPECT_TRUE(endless.factors().rows.empty());
  std::mt19937 random(5);
  std::normal_distribution<float> bell(0, 0.05f);
  Network numbers(0, 16);
  for (int i = 0; i < 16 * 8; ++i) numbers.put(std::bit_cast<uint32_t>(bell(random)));
  auto span = numbers.span();
  span.rows = 8;
  Pages pages({});
  EXPECT_TRUE(row_factors(numbers.file, span, pages).rows.empty());
}

class HalvesOfProfile : public testing::TestWithParam<Profile> {};
INSTANTIATE_TEST_SUITE_P(All, HalvesOfProfile,
                         testing::Values(Profile::weights_small, Profile::weights_large,
                                         Profile::weights_fast));

TEST_P(HalvesOfProfile, TakeLessThanHalfOfWhatTheNumbersDo) {
  Network network(300, 300);
  std::fill_n(network.file.begin() + 1200, 1200, uint8_t{0});  // a row that was pruned
  network.file[1203] = 0x80;                                   // and one of its zeros is negative
  auto const patch = network.patch(GetParam());
  EXPECT_LT(patch.size(), network.file.size() / 2);
  auto const made = proto::apply_patch({}, patch, {});
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_TRUE(*made == network.file);
}

TEST_P(HalvesOfProfile, ThatHardlyMovedTakeFewBits) {
  Network const old_network(300, 300);
  Network network = old_network;
  std::mt19937 random(11);
  auto const old_factors = old_network.factors().rows;
  for (size_t row = 0; row < 300; ++row) {
    auto const factor =
        static_cast<uint32_t>(0x3f800000 + random() % 0x800000);  // of the row, as a normalisation
    for (size_t j = 0; j < 300; ++j) {
      uint8_t* const at = &network.file[4 * (300 * row + j)];
      uint32_t const half = weights::half_over(weights::load<4>(at), old_factors[row].made);
      auto const moved = half + static_cast<uint32_t>(random() % 3) - ((half & 0x7fff) > 0 ? 1 : 0);
      weights::store<4>(weights::half_times(moved, factor), at);
    }
  }
  std::vector<TensorPair> const pairs = {{.to = network.span(), .from = network.span()}};
  auto const patch =
      make_patch(old_network.file, network.file, {.profile = GetParam(), .tensors = pairs});
  ASSERT_TRUE(patch) << patch.error().what;
  EXPECT_LT(patch->size(), network.file.size() / 10) << "three values for each of 32 bits";
  auto const made = proto::apply_patch(old_network.file, *patch, {});
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_TRUE(*made == network.file);
}

TEST_P(HalvesOfProfile, OfRowsLargerThanABlockComeBack) {
  Network const network(2, 100'000);
  auto const made = proto::apply_patch({}, network.patch(GetParam()), {});
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_TRUE(*made == network.file);
}

}  // namespace
}  // namespace godwit::delta
