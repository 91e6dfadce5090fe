// The vectors of a mixer against the sums written out: encoder and devices must agree to the bit.
#include "proto/format/weights/mixing_math.h"

#include <gtest/gtest.h>

#include <random>

namespace godwit::proto::weights {
namespace {

template <size_t kInputs>
void compare() {
  std::mt19937 random(7);
  auto const within = [&](int32_t most) {
    return static_cast<int16_t>(std::uniform_int_distribution<int32_t>(-most, most)(random));
  };
  for (int round = 0; round < 20'000; ++round) {
    int32_t const weight_most = round % 3 == 0 ? 32767 : 9000;
    std::array<int16_t, kInputs> logits;
    std::array<int16_t, kInputs + 2> a;  // what lies behind is left alone
    std::array<int16_t, kInputs + 2> b;
    for (int16_t& each : logits) each = within(kLogitMax);
    for (int16_t& each : a) each = within(weight_most);
    for (int16_t& each : b) each = within(weight_most);
    int32_t sum_a = 0;
    int32_t sum_b = 0;
    for (size_t i = 0; i < kInputs; ++i) {
      sum_a += logits[i] * a[i];
      sum_b += logits[i] * b[i];
    }
    auto const gathered = gather<kInputs>([&](size_t i) { return logits[i]; });
    auto const both = dots<kInputs>(gathered, a.data(), b.data());
    EXPECT_EQ(both.a, std::clamp(sum_a >> 14, -kLogitMax, kLogitMax));
    EXPECT_EQ(both.b, std::clamp(sum_b >> 14, -kLogitMax, kLogitMax));

    int32_t const error = within(24575);
    auto expected = a;
    for (size_t i = 0; i < kInputs; ++i)
      expected[i] = static_cast<int16_t>(
          std::clamp(a[i] + ((logits[i] * error + 0x8000) >> 16), -32767, 32767));
    learn<kInputs>(a.data(), gathered, error);
    ASSERT_EQ(a, expected);
  }
}

TEST(MixingMath, OfEightInputsIsThatOfSums) {
  compare<8>();
}
TEST(MixingMath, OfFourInputsIsThatOfSums) {
  compare<4>();
}
TEST(MixingMath, OfFiveInputsIsThatOfSums) {
  compare<5>();
}

}  // namespace
}  // namespace godwit::proto::weights
