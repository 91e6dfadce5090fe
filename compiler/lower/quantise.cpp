#include "compiler/lower/quantise.h"

#include <algorithm>
#include <cmath>

namespace godwit::compiler {

namespace {

constexpr int64_t kOne = INT64_C(1) << 31;
/// The exponential of SOFTMAX works on values with 5 integer and 26 fractional bits.
constexpr int kScaledDiffIntegerBits = 5;

}  // namespace

auto quantise_multiplier(double real) -> proto::Multiplier {
  if (!(real > 0)) return {0, 0};
  if (!std::isfinite(real)) return {static_cast<int32_t>(kOne - 1), 30};
  int shift = 0;
  double const fraction = std::frexp(real, &shift);
  auto value = static_cast<int64_t>(std::round(fraction * static_cast<double>(kOne)));
  if (value == kOne) {
    value /= 2;
    ++shift;
  }
  if (shift < -31) return {0, 0};
  if (shift > 30) return {static_cast<int32_t>(kOne - 1), 30};
  return {static_cast<int32_t>(value), shift};
}

auto activation_clamp(Activation activation, float scale, int32_t zero_point, proto::Clamp whole)
    -> proto::Clamp {
  auto const quantised = [&](float real) {
    float const steps = std::clamp(std::round(real / scale), -1e6f, 1e6f);
    return std::clamp(zero_point + static_cast<int32_t>(steps), whole.low, whole.high);
  };
  switch (activation) {
    case Activation::relu:
      return {quantised(0.0f), whole.high};
    case Activation::relu_n1_to_1:
      return {quantised(-1.0f), quantised(1.0f)};
    case Activation::relu6:
      return {quantised(0.0f), quantised(6.0f)};
    case Activation::none:
      break;
  }
  return whole;
}

auto softmax_scaling(double beta, double input_scale, proto::Rounding rounding) -> SoftmaxScaling {
  auto const most = static_cast<double>(rounding == proto::Rounding::once ? kOne / 2 : kOne) - 1.0;
  double const real = std::min(beta * input_scale * (1 << (31 - kScaledDiffIntegerBits)), most);
  auto const multiplier = quantise_multiplier(real);
  double const radius = 1.0 * ((1 << kScaledDiffIntegerBits) - 1) *
                        static_cast<double>(INT64_C(1) << (31 - kScaledDiffIntegerBits)) /
                        static_cast<double>(INT64_C(1) << std::max(multiplier.shift, 0));
  return {multiplier, -static_cast<int32_t>(std::floor(radius))};
}

}  // namespace godwit::compiler
