// Operators of one input whose output depends on each value alone. Where a value is one byte they
// become LOOKUP: the compiler computes the operator for all 256 bytes, as the reference would.
#include "compiler/lower_unary.h"

#include <algorithm>
#include <cmath>

#include "agent/engine/fixed_exp.h"

namespace godwit::compiler {

auto one_byte(TfliteType type) -> bool {
  return type == TfliteType::int8 || type == TfliteType::uint8;
}

auto lowest(TfliteType type) -> int32_t {
  return type == TfliteType::int8 ? -128 : 0;
}

auto lower_table(Lowering& lowering, TfliteTensor const& input, TfliteTensor const& output,
                 std::function<double(int32_t)> const& value) -> Result<> {
  if (input.elements != output.elements) return lowering.fail(0, "does not fit the output");
  auto spec = tensor_spec(output);
  Writer table;
  for (int32_t byte = 0; byte < 256; ++byte) {
    int32_t const given = input.type == TfliteType::int8 ? static_cast<int8_t>(byte) : byte;
    double const result = value(given);
    switch (proto::element_bytes(spec.type)) {
      case 1:
        table.u8(static_cast<uint8_t>(static_cast<int32_t>(result)));
        break;
      case 2:
        table.u16(static_cast<uint16_t>(static_cast<int32_t>(result)));
        break;
      default:
        table.u32(spec.type == proto::TensorType::float32
                      ? std::bit_cast<uint32_t>(static_cast<float>(result))
                      : static_cast<uint32_t>(static_cast<int32_t>(result)));
    }
  }
  TRY(auto const source, lowering.value(0));
  auto const constant = lowering.add_constant({.name = output.name + ":table",
                                               .type = spec.type,
                                               .shape = {256},
                                               .scales = {},
                                               .data = std::move(table).take()});
  return lowering.finish({proto::Opcode::lookup, {source, constant}, {}, {}});
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

namespace {

struct Unary {
  TfliteTensor const* input;
  TfliteTensor const* output;
};

auto read_unary(Lowering const& lowering, std::vector<TfliteType> const& types) -> Result<Unary> {
  TRY_VOID(lowering.check_count(1, 1));
  TRY(auto const* input, lowering.activation(0, types));
  TRY(auto const* output, lowering.output(0, types));
  return Unary{input, output};
}

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
  TRY(auto const unary, read_unary(lowering, {TfliteType::int8}));
  auto const zero = static_cast<int32_t>(unary.input->zero_points[0]);
  auto const rescaled = rescale_to_q4(static_cast<double>(unary.input->scales[0]));
  return lower_table(lowering, *unary.input, *unary.output, [&](int32_t value) -> double {
    int32_t const offset = value - zero;
    if (offset <= -rescaled.radius) return -128;
    if (offset >= rescaled.radius) return 127;
    return std::clamp(function(engine::scale(offset, rescaled.multiplier)), -128, 127);
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

}  // namespace

auto lower_quantize(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(1, 1));
  std::vector<TfliteType> const kTypes = {TfliteType::int8, TfliteType::uint8, TfliteType::int16,
                                          TfliteType::int32};
  TRY(auto const* input, lowering.activation(0, kTypes));
  TRY(auto const* output, lowering.output(0, kTypes));
  if (input->scales.size() != 1 || output->scales.size() != 1)
    return lowering.fail(0, "or the output has no scale");
  if (input->elements != output->elements) return lowering.fail(0, "does not fit the output");
  auto const multiplier = quantise_multiplier(static_cast<double>(input->scales[0]) /
                                              static_cast<double>(output->scales[0]));
  auto const from_zero = static_cast<int32_t>(input->zero_points[0]);
  auto const to_zero = static_cast<int32_t>(output->zero_points[0]);
  if (one_byte(input->type)) {
    auto const range = range_of(output->type);
    return lower_table(lowering, *input, *output, [&](int32_t value) -> double {
      int64_t const moved = int64_t{engine::scale(value - from_zero, multiplier)} + to_zero;
      return static_cast<double>(std::clamp<int64_t>(moved, range.low, range.high));
    });
  }
  TRY(auto const value, lowering.value(0));
  return lowering.finish({proto::Opcode::requantize,
                          {value},
                          {},
                          proto::param_words(proto::RequantizeParams{multiplier})});
}

auto lower_logistic(Lowering& lowering) -> Result<> {
  TRY(auto const unary, read_unary(lowering, {TfliteType::int8}));
  if (unary.output->zero_points[0] != -128)
    return invalid("has an output whose zero point is not -128");
  return lower_sigmoidal(lowering, logistic_of_q4);
}

auto lower_tanh(Lowering& lowering) -> Result<> {
  return lower_sigmoidal(lowering, tanh_of_q4);
}

}  // namespace godwit::compiler
