// The x86 paths' short way to add, against the plain one, for all pairs of inputs.
#ifdef __x86_64__
#include "agent/engine/x86/linear_sum.h"

#include <gtest/gtest.h>

#include <cmath>

#include "agent/engine/fixed_point.h"
#include "tests/unit/agent/engine/random_step.h"

namespace godwit::engine::x86 {
namespace {

auto summands_of(proto::AddParams const& p, int32_t zero_a, int32_t zero_b,
                 proto::Rounding rounding = proto::Rounding::twice) -> Summands {
  Summands s;
  for (int32_t i = 0; i < 256; ++i) {
    s.first[i] = scale(wrap_shift_left(i - 128 - zero_a, p.left_shift), p.first, rounding);
    s.second[i] = scale(wrap_shift_left(i - 128 - zero_b, p.left_shift), p.second, rounding);
  }
  return s;
}

/// As the kernels compute it, sixteen bits by sixteen.
auto linear(LinearSum const& sum, int32_t a, int32_t b, proto::Clamp clamp) -> int32_t {
  auto const product = [&](int32_t factors) {
    auto const first = static_cast<int16_t>(factors);
    auto const second = static_cast<int16_t>(factors >> 16);
    return 256 * int64_t{a} * first + 256 * int64_t{b} * second;
  };
  int64_t const low = product(sum.low) + sum.low_constant;
  EXPECT_EQ(low, static_cast<int32_t>(low));
  int64_t const high = product(sum.high) + sum.high_constant + (low >> 15);
  EXPECT_EQ(high, static_cast<int32_t>(high));
  return std::clamp(static_cast<int32_t>(high >> sum.shift), clamp.low, clamp.high);
}

auto holds(LinearSum const& sum, Summands const& s, proto::AddParams const& p, int32_t zero_out,
           proto::Rounding rounding = proto::Rounding::twice) -> bool {
  for (int32_t a = 0; a < 256; ++a)
    for (int32_t b = 0; b < 256; ++b)
      if (linear(sum, a - 128, b - 128, p.clamp) !=
          requantise(s.first[a] + s.second[b], p.output, zero_out, p.clamp, rounding))
        return false;
  return true;
}

TEST(LinearSum, IsTheSumOfTheReferenceForAllPairs) {
  int exact = 0;
  for (uint32_t seed = 1; seed <= 150; ++seed) {
    RandomStep random(seed);
    int32_t const zero_out = random.zero_point();
    auto const p = random.add_params(zero_out);
    auto const rounding = random.one_in(3) ? proto::Rounding::once : proto::Rounding::twice;
    auto const s = summands_of(p, random.zero_point(), random.zero_point(), rounding);
    auto const sum = find_linear_sum(s, {p.output, rounding}, {zero_out, p.clamp});
    if (!sum.exact) continue;
    ++exact;
    ASSERT_TRUE(holds(sum, s, p, zero_out, rounding)) << "seed " << seed;
  }
  EXPECT_GT(exact, 20);
}

auto quantised(double factor) -> proto::Multiplier {
  int exponent = 0;
  double const fraction = std::frexp(factor, &exponent);
  return {static_cast<int32_t>(std::lround(std::ldexp(fraction, 31))), exponent};
}

/// Scales such as networks have, with RELU or without.
TEST(LinearSum, IsFoundForMostLayers) {
  int exact = 0;
  constexpr int kLayers = 60;
  for (uint32_t seed = 1; seed <= kLayers; ++seed) {
    RandomStep random(seed);
    double const a = random.between(1000, 4000) * 1e-5;
    double const b = random.between(1000, 4000) * 1e-5;
    double const out = random.between(1000, 4000) * 1e-5;
    int32_t const zero_out = random.between(-128, 0);
    proto::AddParams const p{.left_shift = 20,
                             .first = quantised(a / (2 * std::max(a, b))),
                             .second = quantised(b / (2 * std::max(a, b))),
                             .output = quantised(2 * std::max(a, b) / (1 << 20) / out),
                             .clamp = {random.one_in(2) ? zero_out : -128, 127}};
    auto const s = summands_of(p, random.zero_point(), random.zero_point());
    auto const sum = find_linear_sum(s, {p.output, proto::Rounding::twice}, {zero_out, p.clamp});
    if (!sum.exact) continue;
    ++exact;
    ASSERT_TRUE(holds(sum, s, p, zero_out)) << "seed " << seed;
  }
  EXPECT_GT(exact, kLayers / 2);
}

}  // namespace
}  // namespace godwit::engine::x86
#endif
