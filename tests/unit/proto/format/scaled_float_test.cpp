// Predictions of floating-point numbers in fixed point: what the processor's own arithmetic gives,
// at every size of number, ratio and move.
#include "proto/format/weights/scaled_float.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace godwit::proto::weights {
namespace {

auto value(FloatForm const& form, uint32_t bits) -> double {
  uint32_t const mantissa = bits & ((1u << form.mantissa_bits) - 1);
  uint32_t const exponent = form.exponent(bits);
  auto const lowest =
      static_cast<int>(std::max(exponent, 1u)) - static_cast<int>(form.bias() + form.mantissa_bits);
  double const size = std::ldexp((exponent ? 1u << form.mantissa_bits : 0) + mantissa, lowest);
  return bits & form.sign_bit() ? -size : size;
}

/// Half the distance to the next number, and what the fixed point may leave away.
auto tolerance(FloatForm const& form, uint32_t bits) -> double {
  auto const exponent = static_cast<int>(std::max(form.exponent(bits), 1u));
  return std::ldexp(0.502, exponent - static_cast<int>(form.bias() + form.mantissa_bits));
}

class ScaledFloat : public testing::TestWithParam<FloatForm> {};
INSTANTIATE_TEST_SUITE_P(Forms, ScaledFloat, testing::Values(kHalfForm, kBrainForm, kSingleForm));

TEST_P(ScaledFloat, IsTheNearestNumber) {
  FloatForm const form = GetParam();
  std::mt19937 random(5);
  for (int i = 0; i < 300'000; ++i) {
    uint32_t const v = static_cast<uint32_t>(random()) >> (32 - form.bits);
    if (form.exponent(v) == form.exponent_max()) continue;
    uint32_t const ratio = i % 3 ? 65536 + random() % 8192 - 4096 : random() % (1 << 20);
    // A move that is smaller than the number, about as large, or larger.
    auto const move = static_cast<int32_t>(random() % (1 << 29)) - (1 << 28);
    auto const exponent = static_cast<int>(std::max(form.exponent(v), 1u) - form.bias());
    auto const unit = static_cast<uint32_t>(
        std::clamp(static_cast<int>(random() % 40) - 12 + 28 - exponent, 0, 255));
    double const exact = value(form, v) * ratio / 65536 + std::ldexp(move, -static_cast<int>(unit));
    auto const predicted = predict_float(form, v, ratio, move, unit);
    ASSERT_LT(predicted.fraction, 8u);
    if (form.exponent(predicted.bits) == form.exponent_max()) {
      uint32_t const largest = (form.exponent_max() << form.mantissa_bits) - 1;
      EXPECT_GT(std::abs(exact), value(form, largest));
      continue;
    }
    // Each may lose what lies far below the other's last places.
    double const coarse = std::max(std::ldexp(1.0, -static_cast<int>(unit) - 8),
                                   std::ldexp(2 * tolerance(form, v), -16));
    ASSERT_NEAR(value(form, predicted.bits), exact, tolerance(form, predicted.bits) + coarse)
        << std::hex << v << " * " << ratio << " + " << move << " / 2^" << unit;
  }
}

TEST_P(ScaledFloat, KeepsWhatDoesNotMoveAndWhatIsNoNumber) {
  FloatForm const form = GetParam();
  std::mt19937 random(6);
  for (int i = 0; i < 10'000; ++i) {
    uint32_t const v = static_cast<uint32_t>(random()) >> (32 - form.bits);
    EXPECT_EQ(predict_float(form, v, 65536, 0, 0).bits, v);
    uint32_t const no_number = v | form.exponent_max() << form.mantissa_bits;
    EXPECT_EQ(predict_float(form, no_number, 70000, 12345, 20).bits, no_number);
  }
  EXPECT_EQ(predict_float(form, form.sign_bit(), 70000, 0, 0).bits, form.sign_bit());
  // Without a move it does not matter in which units it would have been.
  uint32_t const one = form.bias() << form.mantissa_bits;
  for (uint32_t const unit : {0u, 20u, 255u}) {
    EXPECT_EQ(predict_float(form, one, 131072, 0, unit).bits, one + (1u << form.mantissa_bits));
    EXPECT_EQ(predict_float(form, 1, 131072, 0, unit).bits, 2u);
  }
}

TEST_P(ScaledFloat, TellsWhereItLay) {
  FloatForm const form = GetParam();
  uint32_t const one = form.bias() << form.mantissa_bits;
  // One and k sixteenths of its last place.
  for (int32_t k = 0; k < 16; ++k) {
    auto const up = predict_float(form, one, 65536, k == 8 ? 9 : k, form.mantissa_bits + 4);
    uint32_t const wanted =
        k < 8 ? 4 + static_cast<uint32_t>(k) / 2 : static_cast<uint32_t>(k == 8 ? 9 : k) / 2 - 4;
    EXPECT_EQ(up.fraction, wanted) << k;
    EXPECT_EQ(up.bits, one + (k >= 8)) << k;
  }
}

}  // namespace
}  // namespace godwit::proto::weights
