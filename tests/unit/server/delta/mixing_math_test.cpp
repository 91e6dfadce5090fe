// The vectors of a mixer against the sums written out: encoder and devices must agree to the bit.
#include "proto/format/weights/mixing_math.h"

#include <gtest/gtest.h>

#include <memory>

#include <random>

#include "proto/format/weights/mixing.h"

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
    std::array<int16_t, kInputs> stretched;
    std::array<int16_t, kInputs> confidence;
    std::array<int16_t, kInputs> logits;
    std::array<int16_t, kInputs + 2> a;  // what lies behind is left alone
    std::array<int16_t, kInputs + 2> b;
    for (size_t i = 0; i < kInputs; ++i) {
      stretched[i] = within(kLogitMax);
      confidence[i] = static_cast<int16_t>(std::abs(int32_t{within(255)}));
      logits[i] = static_cast<int16_t>(stretched[i] * confidence[i] >> 8);
    }
    for (int16_t& each : a) each = within(weight_most);
    for (int16_t& each : b) each = within(weight_most);
    int32_t sum_a = 0;
    int32_t sum_b = 0;
    for (size_t i = 0; i < kInputs; ++i) {
      sum_a += logits[i] * a[i];
      sum_b += logits[i] * b[i];
    }
    auto const gathered = gather<kInputs>([&](size_t i) { return stretched[i]; },
                                          [&](size_t i) { return confidence[i]; });
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

/// A coder that chance answers, and that adds up what it was told.
struct Chance {
  std::mt19937 random{11};
  uint64_t told = 0;
  auto bit(bool /*unused*/, uint32_t p) -> bool {
    told = told * 31 + p;
    return (random() & 0xffff) < (p + 3 * 40000) / 4;
  }
};

TEST(Mixing, IsTheSameWithWideCells) {
  constexpr size_t kNodes = 16;
  constexpr size_t kSlots = 8 * 4;
  auto packed = std::make_unique<Mixing<8, kNodes, kSlots, 3>>();
  auto wide = std::make_unique<Mixing<8, kNodes, kSlots, 3, WideCells>>();
  packed->reset(5000);
  wide->reset(5000);
  Chance first;
  Chance second;
  std::mt19937 random(5);
  for (int round = 0; round < 20'000; ++round) {
    for (size_t i = 0; i < 8; ++i) {
      size_t const slot = i * 4 + random() % 4;
      packed->select(i, slot);
      wide->select(i, slot);
    }
    size_t const node = random() % kNodes;
    size_t const set = random() % 3;
    ASSERT_EQ(packed->code(first, false, node, set, 2), wide->code(second, false, node, set, 2));
    ASSERT_EQ(first.told, second.told);
  }
}

TEST(Mixing, OfBitsIsThatOfDecisions) {
  auto each = std::make_unique<Mixing<8, 1, 8 * 16, 4>>();
  auto all = std::make_unique<Mixing<8, 1, 8 * 16, 4, WideCells>>();
  each->reset(5000);
  all->reset(5000);
  Chance first;
  Chance second;
  for (int round = 0; round < 20'000; ++round) {
    for (size_t i = 0; i < 8; ++i) {
      each->select(i, i * 16);
      all->select(i, i * 16);
    }
    uint32_t node = 1;
    for (size_t i = 0; i < 4; ++i) node = node * 2 + each->code_at(first, false, node, i, 3 - i);
    auto const made = all->code_bits<4>(
        second, 0, [](size_t i) { return i; }, [](size_t i) { return 3 - i; });
    ASSERT_EQ(made, node & 15);
    ASSERT_EQ(first.told, second.told);
  }
}

}  // namespace
}  // namespace godwit::proto::weights
