// What is done for eight codes at once against what is done for one: encoder and devices must agree
// to the bit.
#include "proto/format/weights/narrow_math.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace godwit::proto::weights {
namespace {

constexpr size_t kCount = 443;  // not a multiple of eight

TEST(NarrowMath, PredictsEachCodeAsByItself) {
  std::mt19937 random(3);
  for (int round = 0; round < 2'000; ++round) {
    std::vector<int8_t> old(kCount);
    std::vector<int32_t> moves(kCount);
    for (int8_t& code : old) code = static_cast<int8_t>(random());
    for (int32_t& move : moves)
      move = std::uniform_int_distribution<int32_t>(-(1 << 28), 1 << 28)(random) >> (round % 16);
    RowPrediction row{.from_old = true};
    row.ratio = round % 5 == 0 ? kRatioMax : static_cast<int32_t>(random() % (kRatioMax + 1));
    if (round % 3 > 0) row.moves = moves;
    Predictions<10> made;
    predict(row, old, made);
    for (size_t j = 0; j < kCount; ++j) {
      int64_t const exact = int64_t{old[j]} * row.ratio * 32 + (round % 3 > 0 ? moves[j] : 0);
      int64_t const rounded = (exact + 32768) >> 16;
      ASSERT_EQ(made.value[j], std::clamp<int64_t>(rounded, -127, 127));
      ASSERT_EQ(made.fraction[j], (exact - rounded * 65536 + 32768) >> 10);
    }
  }
}

TEST(NarrowMath, TakesStepsOfEveryMean) {
  std::vector<uint16_t> rates(kSizeMax * kSizeOne + 1);
  for (size_t i = 0; i < rates.size(); ++i) rates[i] = static_cast<uint16_t>(i);
  std::vector<uint8_t> steps(rates.size());
  steps_of(rates, 23, steps);
  for (size_t i = 0; i < rates.size(); ++i)
    ASSERT_EQ(steps[i], std::min(log_step(rates[i]), 23u)) << i;
}

TEST(NarrowMath, MovesEachMeanAsByItself) {
  std::mt19937 random(9);
  std::vector<uint16_t> rates(kCount);
  std::vector<uint16_t> expected(kCount);
  std::vector<uint8_t> sizes(kCount);
  for (int round = 0; round < 2'000; ++round) {
    int const shift = round < 4 ? 1 : round < 16 ? 3 : 4;
    for (size_t j = 0; j < kCount; ++j) {
      sizes[j] = static_cast<uint8_t>(random() % (round % 7 == 0 ? 32 : 4));
      expected[j] = static_cast<uint16_t>(expected[j] + ((sizes[j] * 1024 - expected[j]) >> shift));
    }
    learn_sizes(sizes, shift, rates);
    ASSERT_EQ(rates, expected);
  }
}

}  // namespace
}  // namespace godwit::proto::weights
