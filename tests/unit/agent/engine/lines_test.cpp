// The x86 paths' short way to requantise, against the plain one, for every sum.
#ifdef __x86_64__
#include "agent/engine/x86/lines.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "agent/engine/fixed_point.h"
#include "tests/unit/agent/engine/random_step.h"

namespace godwit::engine::x86 {
namespace {

/// As the kernels compute it.
auto output(Lines const& lines, int32_t sum, bool split, proto::Clamp clamp) -> int32_t {
  auto const& line = split && sum < 0 ? lines.negative : lines.rest;
  auto const base = static_cast<float>((3 << 22) + line.base);
  float const at = std::fma(lines.factor, static_cast<float>(sum + line.offset), base);
  auto const value = static_cast<int16_t>(std::bit_cast<int32_t>(at));
  return std::clamp<int32_t>(value, clamp.low, clamp.high);
}

/// Every sum within reach, or those around each step where there are too many.
auto holds(Lines const& lines, Stairs const& stairs, int32_t reach, bool split, proto::Clamp clamp)
    -> bool {
  auto const m = stairs.multiplier;
  auto const right = [&](int32_t sum) {
    return output(lines, sum, split, clamp) ==
           std::clamp(scale(sum, m, stairs.rounding), clamp.low, clamp.high);
  };
  constexpr int32_t kAll = 200'000;
  for (int32_t sum = -std::min(reach, kAll); sum <= std::min(reach, kAll); ++sum)
    if (!right(sum)) return false;
  for (int32_t value = clamp.low - 1; value <= clamp.high + 1 && m.value; ++value) {
    double const step = (value - 0.5) * std::ldexp(1.0 / m.value, 31 - m.shift);
    for (int32_t around = -3; around <= 3; ++around) {
      double const sum = std::floor(step) + around;
      if (std::abs(sum) <= reach && !right(static_cast<int32_t>(sum))) return false;
    }
  }
  return right(reach) && right(-reach);
}

struct Found {
  int all = 0, found = 0;
};

/// Factors that bring sums of `reach` to about the range of int8, or somewhat beyond.
auto try_layers(uint32_t seeds, bool wild) -> Found {
  Found count;
  for (uint32_t seed = 1; seed <= seeds; ++seed) {
    RandomStep random(seed);
    int32_t const reach = random.between(1, wild ? (1 << 24) - 1 : 1 << 21);
    int32_t const bits = static_cast<int32_t>(std::log2(reach)) - 8;
    proto::Multiplier const m{random.between(wild && random.one_in(3) ? 0 : 1 << 30, INT32_MAX),
                              -std::max(bits + random.between(wild ? -12 : -2, 3), 0) +
                                  (wild && random.one_in(8) ? 3 : 0)};
    int32_t const zero = random.zero_point();
    auto clamp = random.clamp(zero);
    clamp = {clamp.low - zero, clamp.high - zero};
    Stairs const stairs{m, random.one_in(3) ? proto::Rounding::once : proto::Rounding::twice};
    bool const split = clamp.low < 0 && stairs.rounding == proto::Rounding::twice;
    auto const lines = find_lines(stairs, reach, clamp, split);
    ++count.all;
    if (!lines.found) continue;
    ++count.found;
    EXPECT_TRUE(holds(lines, stairs, reach, split, clamp)) << "seed " << seed;
  }
  return count;
}

TEST(Lines, GiveTheReferencesOutputsForEverySum) {
  auto const count = try_layers(300, true);
  EXPECT_GT(count.found, count.all / 3);
}

TEST(Lines, AreFoundForMostChannels) {
  auto const count = try_layers(300, false);
  EXPECT_GT(count.found, count.all * 9 / 10);
}

TEST(Lines, AreNotFoundWhereSumsAreTooLargeForFloat32) {
  auto const found = [](int32_t shift, int64_t reach) {
    return find_lines({{1 << 30, shift}, proto::Rounding::twice}, reach, {0, 127}, false).found;
  };
  EXPECT_TRUE(found(-12, 1 << 20));
  EXPECT_FALSE(found(-12, 1 << 24));
  EXPECT_FALSE(found(0, 1 << 20));  // of more than 16 bits
  EXPECT_FALSE(found(-31, 1 << 20));
}

}  // namespace
}  // namespace godwit::engine::x86
#endif
