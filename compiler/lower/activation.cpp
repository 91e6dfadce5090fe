// The arithmetic of unary operators on one byte, which lower_table (unary.h) makes tables of.
#include <algorithm>
#include <cmath>

#include "agent/engine/inverse_root.h"
#include "compiler/lower/unary.h"
#include "compiler/lower/wide.h"

namespace godwit::compiler {

namespace {

auto clamped(int64_t value, ValueRange range) -> double {
  return static_cast<double>(std::clamp<int64_t>(value, range.low, range.high));
}

constexpr ValueRange kInt8{-128, 127};

/// input * m, then bounds in units of the output.
auto lower_rescaled(Lowering& lowering, Unary const& unary, ValueRange bounds) -> Result<> {
  auto const m = quantise_multiplier(real_scale(*unary.input) / real_scale(*unary.output));
  int32_t const from = zero_point(*unary.input);
  int32_t const to = zero_point(*unary.output);
  auto const rounding = lowering.rounding();
  return lower_table(lowering, *unary.input, *unary.output, [=](int32_t value) {
    return clamped(int64_t{engine::scale(value - from, m, rounding)} + to, bounds);
  });
}

auto units(TfliteTensor const& tensor, float real) -> int32_t {
  float const steps = std::clamp(std::round(real / tensor.scales[0]), -1e6f, 1e6f);
  return zero_point(tensor) + static_cast<int32_t>(steps);
}

}  // namespace

auto lower_real(Lowering& lowering, float (*function)(float)) -> Result<> {
  TRY(auto const unary, read_unary(lowering));
  float const from_scale = unary.input->scales[0];
  float const inverse = 1.0f / unary.output->scales[0];
  int32_t const from = zero_point(*unary.input);
  int32_t const to = zero_point(*unary.output);
  return lower_table(lowering, *unary.input, *unary.output, [=](int32_t value) {
    float const result = function(from_scale * static_cast<float>(value - from));
    float const steps = std::round(result * inverse);
    if (!(steps > -1e6f)) return clamped(-1000000, kInt8);  // nor a number that is none
    return clamped(static_cast<int64_t>(std::min(steps, 1e6f) + static_cast<float>(to)), kInt8);
  });
}

namespace {

auto saturate16(int64_t value) -> int32_t {
  return static_cast<int32_t>(std::clamp<int64_t>(value, -32768, 32767));
}

auto multiply_high16(int32_t a, int32_t b) -> int32_t {
  return saturate16((int64_t{a} * b + (1 << 14)) >> 15);
}

/// A multiplier of 15 bits from one of 31.
auto narrow(int32_t multiplier) -> int32_t {
  constexpr int32_t kHalf = 1 << 15;
  return multiplier >= INT32_MAX - kHalf ? INT16_MAX : (multiplier + kHalf) >> 16;
}

}  // namespace

auto lower_relu(Lowering& lowering) -> Result<> {
  if (lowering.input_type(0) == TfliteType::int16) return lower_wide_relu(lowering);
  TRY(auto const unary, read_unary(lowering));
  return lower_rescaled(lowering, unary, {std::max(-128, units(*unary.output, 0.0f)), 127});
}

auto lower_relu_0_to_1(Lowering& lowering) -> Result<> {
  TRY(auto const unary, read_unary(lowering));
  return lower_rescaled(
      lowering, unary,
      {std::max(-128, units(*unary.output, 0.0f)), std::min(127, units(*unary.output, 1.0f))});
}

auto lower_relu_n1_to_1(Lowering& lowering) -> Result<> {
  TRY(auto const unary, read_unary(lowering));
  return lower_rescaled(
      lowering, unary,
      {std::max(-128, units(*unary.output, -1.0f)), std::min(127, units(*unary.output, 1.0f))});
}

/// TFLite Micro bounds the values without bringing them to another scale, TensorFlow Lite's uint8
/// kernels bring them there.
auto lower_relu6(Lowering& lowering) -> Result<> {
  if (lowering.input_type(0) == TfliteType::int16) return lower_wide_relu6(lowering);
  TRY(auto const unary, read_unary(lowering));
  if (unary.input->moved)
    return lower_rescaled(
        lowering, unary,
        {std::max(-128, units(*unary.output, 0.0f)), std::min(127, units(*unary.output, 6.0f))});
  int32_t const low = zero_point(*unary.input);
  int32_t const high = std::min(127, units(*unary.input, 6.0f));
  return lower_table(lowering, *unary.input, *unary.output,
                     [=](int32_t value) { return std::min(std::max(value, low), high); });
}

auto lower_leaky_relu(Lowering& lowering) -> Result<> {
  TRY(auto const alpha, lowering.option_float(0, 0.0f));
  if (lowering.input_type(0) == TfliteType::int16) return lower_wide_leaky_relu(lowering, alpha);
  TRY(auto const unary, read_unary(lowering));
  double const in = real_scale(*unary.input);
  double const out = real_scale(*unary.output);
  auto const positive = quantise_multiplier(in / out);
  auto const negative = quantise_multiplier(in * std::abs(static_cast<double>(alpha)) / out);
  int32_t const from = zero_point(*unary.input);
  int32_t const to = zero_point(*unary.output);
  int32_t const sign = alpha < 0 ? -1 : 1;
  auto const rounding = lowering.rounding();
  return lower_table(lowering, *unary.input, *unary.output, [=](int32_t value) {
    int32_t const x = value - from;
    return clamped(int64_t{to} + (x >= 0 ? engine::scale(x, positive, rounding)
                                         : sign * engine::scale(x, negative, rounding)),
                   kInt8);
  });
}

/// x * relu6(x + 3) / 6 in 16-bit fixed point: the second factor is brought to [0, 1].
auto lower_hard_swish(Lowering& lowering) -> Result<> {
  TRY(auto const unary, read_unary(lowering));
  float const fine = 1.0f / 128 * unary.input->scales[0];  // 7 more bits for the fraction
  auto const output = quantise_multiplier(static_cast<double>(fine / unary.output->scales[0]));
  auto const factor = quantise_multiplier(static_cast<double>(fine / (3.0f / 32768)));
  if (output.shift > 0) return lowering.fail(0, "has a scale too far above the output's");
  int32_t const output16 = narrow(output.value);
  int32_t const factor16 = narrow(factor.value);
  int32_t const from = zero_point(*unary.input);
  int32_t const to = zero_point(*unary.output);
  return lower_table(lowering, *unary.input, *unary.output, [=](int32_t value) {
    int32_t const x = (value - from) * (1 << 7);
    int32_t relu = x;
    if (factor.shift > 0) relu = saturate16(int64_t{relu} << (factor.shift - 1));
    relu = multiply_high16(relu, factor16);
    if (factor.shift > 0) relu = saturate16(int64_t{relu} * 2);
    if (factor.shift < 0) relu = engine::divide_by_power(relu, -factor.shift);
    relu = (relu + (1 << 15)) >> 1;
    int32_t const product = relu * multiply_high16(x, output16) / (1 << 15);  // towards zero
    return clamped(int64_t{engine::divide_by_power(product, -output.shift)} + to, kInt8);
  });
}

auto lower_elu(Lowering& lowering) -> Result<> {
  return lower_real(lowering, [](float x) { return x < 0 ? std::exp(x) - 1.0f : x; });
}
auto lower_exp(Lowering& lowering) -> Result<> {
  return lower_real(lowering, [](float x) { return std::exp(x); });
}
auto lower_log(Lowering& lowering) -> Result<> {
  return lower_real(lowering, [](float x) { return std::log(x); });
}
/// TensorFlow Lite drops the fraction here, where its other operators round.
auto lower_sqrt(Lowering& lowering) -> Result<> {
  TRY(auto const unary, read_unary(lowering));
  float const from_scale = unary.input->scales[0];
  float const to_scale = unary.output->scales[0];
  int32_t const from = zero_point(*unary.input);
  int32_t const to = zero_point(*unary.output);
  return lower_table(lowering, *unary.input, *unary.output, [=](int32_t value) {
    float const root = std::sqrt(from_scale * static_cast<float>(std::max(value - from, 0)));
    return clamped(static_cast<int64_t>(std::min(root / to_scale, 1e6f)) + to, kInt8);
  });
}
auto lower_neg(Lowering& lowering) -> Result<> {
  return lower_real(lowering, [](float x) { return -x; });
}
auto lower_square(Lowering& lowering) -> Result<> {
  return lower_real(lowering, [](float x) { return x * x; });
}

auto lower_gelu(Lowering& lowering) -> Result<> {
  TRY(auto const approximate, lowering.option_byte(0));
  if (approximate)
    return lower_real(lowering, [](float x) {
      constexpr float kRootOfTwoOverPi = 0.7978845608f;
      return 0.5f * x * (1 + std::tanh(kRootOfTwoOverPi * (x + 0.044715f * x * x * x)));
    });
  return lower_real(lowering, [](float x) {
    constexpr float kRootOfHalf = 0.70710678f;
    return 0.5f * x * (1 + std::erf(x * kRootOfHalf));
  });
}

auto lower_abs(Lowering& lowering) -> Result<> {
  TRY(auto const unary, read_unary(lowering));
  bool const same = unary.input->scales[0] == unary.output->scales[0];
  auto const m =
      quantise_multiplier(static_cast<double>(unary.input->scales[0] / unary.output->scales[0]));
  int32_t const from = zero_point(*unary.input);
  int32_t const to = zero_point(*unary.output);
  auto const rounding = lowering.rounding();
  return lower_table(lowering, *unary.input, *unary.output, [=](int32_t value) {
    int32_t const magnitude = std::abs(value - from);
    return clamped(int64_t{same ? magnitude : engine::scale(magnitude, m, rounding)} + to, kInt8);
  });
}

/// Values below the zero point have no root; the reference refuses them, here they count as 0.
auto lower_rsqrt(Lowering& lowering) -> Result<> {
  TRY(auto const unary, read_unary(lowering));
  constexpr int32_t kShift = 20;  // keeps the root whole in between
  auto m = quantise_multiplier(
      1.0 / static_cast<double>(std::sqrt(unary.input->scales[0]) * unary.output->scales[0]));
  m.shift -= kShift;
  int32_t const from = zero_point(*unary.input);
  int32_t const to = zero_point(*unary.output);
  auto const rounding = lowering.rounding();
  return lower_table(lowering, *unary.input, *unary.output, [=](int32_t value) {
    int32_t const x = value - from;
    if (x <= 0) return 127.0;
    auto root = engine::inverse_root(x);
    root.shift += kShift;
    return clamped(int64_t{engine::scale(engine::scale(1, root, rounding), m, rounding)} + to,
                   kInt8);
  });
}

}  // namespace godwit::compiler
