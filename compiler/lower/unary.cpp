// Operators of one input whose output depends on each value alone. Where a value is one byte they
// become LOOKUP: the compiler computes the operator for all 256 bytes, as the reference would.
#include "compiler/lower/unary.h"

#include <algorithm>
#include <cmath>

#include "agent/engine/fixed_exp.h"

namespace godwit::compiler {

auto one_byte(TfliteType type) -> bool {
  return type == TfliteType::int8 || type == TfliteType::uint8;
}

namespace {

/// The results of `value` for all bytes, as a constant of the type of `output`.
auto add_table(Lowering& lowering, TfliteTensor const& input, TfliteTensor const& output,
               std::function<double(int32_t)> const& value) -> uint32_t {
  auto const type = tensor_spec(output).type;
  Writer table;
  for (int32_t byte = 0; byte < 256; ++byte) {
    double const result = value(input.type == TfliteType::int8 ? static_cast<int8_t>(byte) : byte);
    if (type == proto::TensorType::float32) {
      table.u32(std::bit_cast<uint32_t>(static_cast<float>(result)));
      continue;
    }
    auto const whole = static_cast<uint32_t>(static_cast<int32_t>(result));
    switch (proto::element_bytes(type)) {
      case 1:
        table.u8(static_cast<uint8_t>(whole));
        break;
      case 2:
        table.u16(static_cast<uint16_t>(whole));
        break;
      default:
        table.u32(whole);
    }
  }
  return lowering.add_constant({.name = output.name + ":table",
                                .type = type,
                                .shape = {256},
                                .scales = {},
                                .data = std::move(table).take()});
}

}  // namespace

auto requantise(TfliteTensor const& from, TfliteTensor const& to, proto::Rounding rounding)
    -> std::function<double(int32_t)> {
  auto const m = quantise_multiplier(real_scale(from) / real_scale(to));
  auto const range = range_of(to.type);
  return [=, from_zero = zero_point(from), to_zero = zero_point(to)](int32_t value) {
    int64_t const moved = int64_t{engine::scale(value - from_zero, m, rounding)} + to_zero;
    return static_cast<double>(std::clamp<int64_t>(moved, range.low, range.high));
  };
}

auto lower_table(Lowering& lowering, TfliteTensor const& input, TfliteTensor const& output,
                 std::function<double(int32_t)> const& value) -> Result<> {
  if (input.elements != output.elements) return lowering.fail(0, "does not fit the output");
  TRY(auto const source, lowering.value(0));
  auto const table = add_table(lowering, input, output, value);
  return lowering.finish({proto::Opcode::lookup, {source, table}, {}, {}});
}

namespace {

/// How TensorFlow Lite's CONCATENATION brings uint8 to another scale: in float.
auto joined_uint8(TfliteTensor const& from, TfliteTensor const& to)
    -> std::function<double(int32_t)> {
  float const scale = from.scales[0] * (1.0f / to.scales[0]);
  float const bias = static_cast<float>(-(zero_point(from) + 128)) * scale;
  return [=, to_zero = zero_point(to)](int32_t value) {
    float const product = static_cast<float>(value + 128) * scale;
    float const steps = std::clamp(std::round(product + bias), -1e6f, 1e6f);
    return std::clamp(static_cast<double>(steps) + to_zero, -128.0, 127.0);
  };
}

}  // namespace

auto requantised(Lowering& lowering, uint32_t value, TfliteTensor const& from,
                 TfliteTensor const& to) -> Result<uint32_t> {
  bool const plain = from.scales.empty() || to.scales.empty();
  if (plain || (from.scales[0] == to.scales[0] && zero_point(from) == zero_point(to))) return value;
  if (!one_byte(from.type))
    return invalid("joins tensors of different scales: requantise with QUANTIZE first");
  auto const table =
      add_table(lowering, from, to,
                from.moved ? joined_uint8(from, to) : requantise(from, to, lowering.rounding()));
  auto spec = tensor_spec(to);
  spec.shape = from.shape;
  return lowering.add({proto::Opcode::lookup, {value, table}, {}, {}}, std::move(spec));
}

auto range_of(TfliteType type) -> ValueRange {
  switch (type) {
    case TfliteType::uint8:
      return {0, 255};
    case TfliteType::int16:
      return {-32768, 32767};
    case TfliteType::int32:
      return {INT32_MIN, INT32_MAX};
    default:
      return {-128, 127};
  }
}

auto read_unary(Lowering const& lowering) -> Result<Unary> {
  TRY_VOID(lowering.check_count(1, 1));
  TRY(auto const* input, lowering.activation(0));
  TRY(auto const* output, lowering.output());
  return Unary{input, output};
}

namespace {

/// Fixed-point values of LOGISTIC and TANH: 4 integer bits, and what lies beyond them.
struct Rescaled {
  proto::Multiplier multiplier;
  int32_t radius;
};

auto rescale_to_q4(double scale) -> Rescaled {
  constexpr int kIntegerBits = 4;
  auto const m = quantise_multiplier(scale * (1 << (31 - kIntegerBits)));
  double const radius = std::floor(1.0 * ((1 << kIntegerBits) - 1) * (1 << (31 - kIntegerBits)) /
                                   static_cast<double>(INT64_C(1) << std::max(m.shift, 0)));
  return {m, static_cast<int32_t>(radius)};
}

/// The fixed-point function of a value that was brought to Q4.27, or its ends beyond the radius.
auto lower_sigmoidal(Lowering& lowering, int32_t (*function)(int32_t)) -> Result<> {
  TRY(auto const unary, read_unary(lowering));
  int32_t const zero = zero_point(*unary.input);
  auto const rescaled = rescale_to_q4(static_cast<double>(unary.input->scales[0]));
  return lower_table(lowering, *unary.input, *unary.output, [&](int32_t value) -> double {
    int32_t const offset = value - zero;
    if (offset <= -rescaled.radius) return -128;
    if (offset >= rescaled.radius) return 127;
    return std::clamp(function(engine::scale(offset, rescaled.multiplier, lowering.rounding())),
                      -128, 127);
  });
}

auto logistic_of_q4(int32_t a) -> int32_t {
  int32_t value = 1 << 30;
  if (a != 0) {
    int32_t const positive =
        engine::inverse_of_one_plus(engine::exp_of_negative(a > 0 ? -a : a, 4));
    value = a > 0 ? positive : engine::kOneQ0 - positive;
  }
  return engine::divide_by_power(value, 31 - 8) - 128;
}

auto tanh_of_q4(int32_t a) -> int32_t {
  int32_t value = 0;
  if (a != 0) {  // Twice the value has the same bits with one more of them before the point.
    value = engine::one_minus_over_one_plus(engine::exp_of_negative(a > 0 ? -a : a, 5));
    if (a < 0) value = -value;
  }
  return engine::divide_by_power(value, 31 - 7);
}

/// Of int16, with the table of the engine.
auto lower_sigmoid16(Lowering& lowering, proto::Opcode code, int32_t power_max) -> Result<> {
  TRY_VOID(lowering.check_count(1, 1));
  TRY(auto const* input, lowering.activation(0, {TfliteType::int16}));
  TRY(auto const* output, lowering.output(0, {TfliteType::int16}));
  if (zero_point(*input) != 0 || zero_point(*output) != 0)
    return lowering.fail(0, "or the output has a zero point");
  auto const power = static_cast<int32_t>(std::lround(std::log2(real_scale(*input))));
  int32_t const shift = 12 + power;
  bool const exact = std::abs(std::log2(real_scale(*input)) - power) < 1e-3;
  proto::SigmoidParams params{};
  if (exact && shift >= 0 && shift <= power_max) {
    params.multiplier = 3 << shift;
  } else {
    double multiplier = real_scale(*input) * 4096.0 * 3.0;
    while (multiplier <= 32767.0 / 2.0 && params.shift <= 28) {
      ++params.shift;
      multiplier *= 2.0;
    }
    if (multiplier > 32767.0) return lowering.fail(0, "has a scale out of range");
    params.multiplier = static_cast<int32_t>(multiplier);
  }
  TRY(auto const value, lowering.value(0));
  return lowering.finish({code, {value}, {}, proto::param_words(params)});
}

}  // namespace

auto lower_logistic(Lowering& lowering) -> Result<> {
  if (lowering.input_type(0) == TfliteType::int16)
    return lower_sigmoid16(lowering, proto::Opcode::sigmoid, 0);
  TRY(auto const unary, read_unary(lowering));
  if (unary.input->moved)  // TensorFlow Lite's uint8 kernels go by tables of real values.
    return lower_real(lowering, [](float x) { return 1.0f / (1.0f + std::exp(-x)); });
  if (unary.output->zero_points[0] != -128)
    return invalid("has an output whose zero point is not -128");
  return lower_sigmoidal(lowering, logistic_of_q4);
}

auto lower_tanh(Lowering& lowering) -> Result<> {
  if (lowering.input_type(0) == TfliteType::int16)
    return lower_sigmoid16(lowering, proto::Opcode::tanh, 1);
  TRY(auto const unary, read_unary(lowering));
  if (unary.input->moved) return lower_real(lowering, [](float x) { return std::tanh(x); });
  return lower_sigmoidal(lowering, tanh_of_q4);
}

}  // namespace godwit::compiler
