// Operators of two inputs that broadcast: ADD, SUB, MUL, DIV, MAXIMUM, MINIMUM, SQUARED_DIFFERENCE,
// PRELU.
#include <algorithm>
#include <bit>
#include <cmath>

#include "agent/engine/fixed_exp.h"

#include "compiler/lower/lower.h"

namespace godwit::compiler {

namespace {

struct Binary {
  TfliteTensor const* a;
  TfliteTensor const* b;
  TfliteTensor const* output;
  std::vector<uint32_t> values;
};

auto read_binary(Lowering& lowering, std::vector<TfliteType> const& types) -> Result<Binary> {
  TRY_VOID(lowering.check_count(2, 2));
  TRY(auto const* output, lowering.output(0, types));
  TRY(auto const* a, lowering.activation(0, {output->type}));
  TRY(auto const* b, lowering.activation(1, {output->type}));
  for (size_t i : {0, 1}) {
    if (!broadcasts(lowering.input_shape(i), output->shape))
      return lowering.fail(i, "does not broadcast to the shape of the output");
  }
  TRY(auto const first, lowering.computed_value(0));
  TRY(auto const second, lowering.computed_value(1));
  return Binary{a, b, output, {first, second}};
}

auto clamp_of(Lowering const& lowering, TfliteTensor const& output) -> Result<proto::Clamp> {
  TRY(auto const activation, lowering.activation_option(0));
  return activation_clamp(activation, output.scales[0], zero_point(output),
                          whole_range(output.type));
}

/// Both inputs are brought to twice the greater scale, with `left_shift` more bits for the
/// fraction. `Real` is what the reference computes the factors in: double for ADD, float for SUB.
template <typename Real>
auto lower_sum(Lowering& lowering, proto::Opcode code) -> Result<> {
  TRY(auto const binary, read_binary(lowering, whole_types()));
  int32_t const left_shift = binary.output->type == TfliteType::int16 ? 15 : 20;
  Real const a = binary.a->scales[0];
  Real const b = binary.b->scales[0];
  Real const out = binary.output->scales[0];
  Real const common = 2 * std::max(a, b);
  auto const factor = [](Real real) { return quantise_multiplier(static_cast<double>(real)); };
  TRY(auto const clamp, clamp_of(lowering, *binary.output));
  proto::AddParams const params{left_shift, factor(a / common), factor(b / common),
                                factor(common / (static_cast<Real>(1 << left_shift) * out)), clamp};
  return lowering.finish({code, binary.values, {}, proto::param_words(params)});
}

/// Values are compared as they are, so all three tensors must mean the same by them.
auto lower_choice(Lowering& lowering, proto::Opcode code) -> Result<> {
  TRY(auto const binary, read_binary(lowering, whole_types()));
  for (size_t i : {0, 1}) TRY_VOID(lowering.check_same_quantisation(i, *binary.output));
  return lowering.finish({code, binary.values, {}, {}});
}

}  // namespace

auto lower_add(Lowering& lowering) -> Result<> {
  return lower_sum<double>(lowering, proto::Opcode::add);
}

auto lower_sub(Lowering& lowering) -> Result<> {
  return lower_sum<double>(lowering, proto::Opcode::sub);
}

auto lower_maximum(Lowering& lowering) -> Result<> {
  return lower_choice(lowering, proto::Opcode::maximum);
}

auto lower_minimum(Lowering& lowering) -> Result<> {
  return lower_choice(lowering, proto::Opcode::minimum);
}

auto lower_mul(Lowering& lowering) -> Result<> {
  TRY(auto const binary, read_binary(lowering, whole_types()));
  TRY(auto const clamp, clamp_of(lowering, *binary.output));
  proto::MulParams const params{quantise_multiplier(real_scale(*binary.a) * real_scale(*binary.b) /
                                                    real_scale(*binary.output)),
                                clamp};
  return lowering.finish({proto::Opcode::mul, binary.values, {}, proto::param_words(params)});
}

namespace {

/// a / b as TensorFlow Lite computes it: a, with all its bits, times the inverse of b. What is
/// divided by zero there is not defined; here it is the greatest value, or the lowest.
auto quotient(int32_t a, int32_t b, proto::Multiplier scale) -> int64_t {
  if (b == 0) return a == 0 ? 0 : a < 0 ? -engine::kOneQ0 : engine::kOneQ0;
  if (b < 0) return quotient(-a, -b, scale);
  int32_t const leading = std::countl_zero(static_cast<uint32_t>(b));
  int32_t const inverse = engine::inverse_of_one_plus(engine::wrap_subtract(
      engine::wrap_shift_left(b, leading), std::numeric_limits<int32_t>::min()));
  // Copies of the sign: a lowest value of so many bits has one more than its magnitude.
  auto const bits = a < 0 ? 2 * static_cast<uint32_t>(-a) - 1 : 2 * static_cast<uint32_t>(a);
  int32_t const headroom = std::min(std::countl_zero(bits), 31);
  int32_t const whole = engine::multiply_high(engine::wrap_shift_left(a, headroom), inverse);
  int32_t const right = 31 - leading + headroom - scale.shift;
  int32_t const scaled = engine::multiply_high(whole, scale.value);
  if (right < 0) return int64_t{scaled} << std::min(-right, 31);
  return right > 31 ? 0 : engine::divide_by_power(scaled, right);
}

}  // namespace

/// One byte by another: a table of all pairs.
auto lower_div(Lowering& lowering) -> Result<> {
  TRY(auto binary, read_binary(lowering, {TfliteType::int8}));
  TRY(auto const clamp, clamp_of(lowering, *binary.output));
  auto const m = quantise_multiplier(real_scale(*binary.a) /
                                     (real_scale(*binary.b) * real_scale(*binary.output)));
  Bytes table;
  for (int32_t a = 0; a < 256; ++a)
    for (int32_t b = 0; b < 256; ++b) {
      int64_t const value = quotient(static_cast<int8_t>(a) - zero_point(*binary.a),
                                     static_cast<int8_t>(b) - zero_point(*binary.b), m);
      table.push_back(static_cast<uint8_t>(
          std::clamp<int64_t>(value + zero_point(*binary.output), clamp.low, clamp.high)));
    }
  binary.values.push_back(lowering.add_constant({.name = binary.output->name + ":table",
                                                 .shape = {1u << 16},
                                                 .scales = {},
                                                 .data = std::move(table)}));
  return lowering.finish({proto::Opcode::pair_lookup, binary.values, {}, {}});
}

auto lower_squared_difference(Lowering& lowering) -> Result<> {
  TRY(auto const binary, read_binary(lowering, whole_types()));
  int32_t const left_shift = binary.output->type == TfliteType::int16 ? 0 : 7;
  double const common = 2 * std::max(real_scale(*binary.a), real_scale(*binary.b));
  proto::AddParams const params{
      left_shift, quantise_multiplier(real_scale(*binary.a) / common),
      quantise_multiplier(real_scale(*binary.b) / common),
      quantise_multiplier(common * common / ((1 << 2 * left_shift) * real_scale(*binary.output))),
      whole_range(binary.output->type)};
  return lowering.finish(
      {proto::Opcode::squared_difference, binary.values, {}, proto::param_words(params)});
}

auto lower_prelu(Lowering& lowering) -> Result<> {
  TRY(auto const binary, read_binary(lowering, {TfliteType::int8}));
  double const positive = real_scale(*binary.a) / real_scale(*binary.output);
  double const negative =
      real_scale(*binary.a) * real_scale(*binary.b) / real_scale(*binary.output);
  return lowering.finish({proto::Opcode::prelu,
                          binary.values,
                          {},
                          proto::param_words(proto::PreluParams{quantise_multiplier(positive),
                                                                quantise_multiplier(negative)})});
}

}  // namespace godwit::compiler
