#include "compiler/lower/wide.h"

#include <algorithm>
#include <cmath>

namespace godwit::compiler {

namespace {

constexpr float kLowest = -32768;
constexpr float kHighest = 32767;

/// Every 128th value of a function over all values of int16, each moved by half of what linear
/// interpolation errs in the middle, in float32 as TensorFlow Lite computes it.
auto sampled(float input_scale, float input_zero, float output_scale, float (*function)(float))
    -> Bytes {
  constexpr int kSteps = 512;
  float const from = input_scale * (kLowest - input_zero);
  float const to = input_scale * (kHighest - input_zero);
  float const step = (to - from) / kSteps;
  float const inverse = 65536.0f / (output_scale * kHighest - output_scale * kLowest);
  auto const bounded = [](float value) {
    return static_cast<uint16_t>(static_cast<int16_t>(std::clamp(value, kLowest, kHighest)));
  };
  Writer table;
  for (int i = 0; i < kSteps; ++i) {
    auto const at = static_cast<float>(i);
    float const value = std::round(function(from + at * step) * inverse);
    float const next = function(from + (at + 1) * step) * inverse;
    float const middle = std::round(function(from + at * step + step / 2) * inverse);
    float const error = std::round((next + value) / 2) - middle;
    table.u16(bounded(value - std::round(error / 2)));
  }
  table.u16(bounded(std::round(function(to) * inverse)));
  return std::move(table).take();
}

auto add_table(Lowering& lowering, std::string name, Bytes data) -> uint32_t {
  return lowering.add_constant({.name = std::move(name),
                                .type = proto::TensorType::int16,
                                .shape = {static_cast<uint32_t>(data.size() / 2)},
                                .scales = {},
                                .data = std::move(data)});
}

struct Wide {
  TfliteTensor const* input;
  TfliteTensor const* output;
};

auto read_wide(Lowering const& lowering) -> Result<Wide> {
  TRY_VOID(lowering.check_count(1, 1));
  TRY(auto const* input, lowering.activation(0, {TfliteType::int16}));
  TRY(auto const* output, lowering.output(0, {TfliteType::int16}));
  return Wide{input, output};
}

auto finish_slopes(Lowering& lowering, proto::SlopesParams const& params) -> Result<> {
  TRY(auto const value, lowering.value(0));
  return lowering.finish({proto::Opcode::wide_slopes, {value}, {}, proto::param_words(params)});
}

}  // namespace

auto lower_wide_softmax(Lowering& lowering, double beta) -> Result<> {
  TRY(auto const wide, read_wide(lowering));
  bool const fits = std::abs(wide.output->scales[0] - 1.0f / 32768) <= 0.001f / 32768 &&
                    zero_point(*wide.output) == 0 && zero_point(*wide.input) == 0;
  if (!fits) return invalid("has an output of a scale other than 1/32768, or a zero point");
  constexpr float kRange = 65535;
  constexpr float kReach = 10;  // what lies farther below the greatest value counts as nothing
  TRY(auto const value, lowering.value(0));
  auto const powers = add_table(
      lowering, "exp",
      sampled(kReach / kRange, kHighest, 2 / kRange, [](float x) { return std::exp(x); }));
  auto const inverses = add_table(
      lowering, "inverse",
      sampled(1 / kRange, kLowest, 2 / kRange, [](float x) { return 1.0f / (1.0f + x); }));
  proto::RequantizeParams const params{
      quantise_multiplier(real_scale(*wide.input) * beta / (10.0 / 65535.0))};
  return lowering.finish(
      {proto::Opcode::wide_softmax, {value, powers, inverses}, {}, proto::param_words(params)});
}

auto lower_wide_relu(Lowering& lowering) -> Result<> {
  TRY(auto const wide, read_wide(lowering));
  auto const m = quantise_multiplier(real_scale(*wide.input) / real_scale(*wide.output));
  return finish_slopes(lowering, {m, m, {std::max(-32768, zero_point(*wide.output)), 32767}});
}

/// As for int8: values are bounded, and not brought to another scale.
auto lower_wide_relu6(Lowering& lowering) -> Result<> {
  TRY(auto const wide, read_wide(lowering));
  int32_t const zero = zero_point(*wide.input);
  if (zero != zero_point(*wide.output)) return invalid("moves its zero point");
  constexpr proto::Multiplier kOne{1 << 30, 1};
  float const six = std::min(std::round(6.0f / wide.input->scales[0]), 65535.0f);
  return finish_slopes(lowering,
                       {kOne, kOne, {zero, std::min(32767, zero + static_cast<int32_t>(six))}});
}

auto lower_wide_leaky_relu(Lowering& lowering, float alpha) -> Result<> {
  TRY(auto const wide, read_wide(lowering));
  if (!(alpha >= 0)) return invalid("has a negative slope, which int16 values cannot have");
  double const in = real_scale(*wide.input);
  double const out = real_scale(*wide.output);
  return finish_slopes(lowering, {quantise_multiplier(in / out),
                                  quantise_multiplier(in * static_cast<double>(alpha) / out),
                                  whole_range(TfliteType::int16)});
}

}  // namespace godwit::compiler
