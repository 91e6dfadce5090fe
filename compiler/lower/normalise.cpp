// SOFTMAX, LOG_SOFTMAX and L2_NORMALIZATION: each row is set against its own whole.
#include <cmath>

#include "compiler/lower/lower.h"
#include "compiler/lower/wide.h"

namespace godwit::compiler {

auto lower_softmax(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(1, 1));
  TRY(auto const beta, lowering.option_float(0, 0.0f));
  if (!std::isfinite(beta) || beta <= 0) return invalid("has a beta that is not a positive number");
  if (lowering.input_type(0) == TfliteType::int16)
    return lower_wide_softmax(lowering, static_cast<double>(beta));
  TRY(auto const* input, lowering.activation(0));
  TRY(auto const* output, lowering.output(0, {TfliteType::int8, TfliteType::int16}));
  bool const wide = output->type == TfliteType::int16;
  float const unit = wide ? 1.0f / 65536 : 1.0f / 256;
  bool const fits =
      wide ? std::abs(output->scales[0] - unit) <= 0.001f * unit && zero_point(*output) == -32768
           : output->scales[0] == unit && zero_point(*output) == -128;
  if (!fits) return invalid("has an output that does not map [0, 1) to its whole range of values");
  auto const scaling =
      softmax_scaling(static_cast<double>(beta), real_scale(*input), lowering.rounding());
  TRY(auto const value, lowering.value(0));
  return lowering.finish(
      {proto::Opcode::softmax,
       {value},
       {},
       proto::param_words(proto::SoftmaxParams{scaling.multiplier, scaling.diff_min})});
}

auto lower_log_softmax(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(1, 1));
  TRY(auto const* input, lowering.activation(0));
  TRY(auto const* output, lowering.output());
  if (output->scales[0] != 1.0f / 16 || zero_point(*output) != 127)
    return invalid("has an output of a scale other than 1/16, or of a zero point other than 127");
  auto const scaling = softmax_scaling(1.0, real_scale(*input), lowering.rounding());
  TRY(auto const value, lowering.value(0));
  return lowering.finish(
      {proto::Opcode::log_softmax,
       {value},
       {},
       proto::param_words(proto::SoftmaxParams{scaling.multiplier, scaling.diff_min})});
}

auto lower_l2_normalization(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(1, 1));
  TRY(auto const* output, lowering.output(0, {TfliteType::int8, TfliteType::uint8}));
  TRY_VOID(lowering.activation(0, {output->type}));
  TRY(auto const activation, lowering.activation_option(0));
  if (activation != Activation::none) return invalid("has a fused activation");
  int32_t const middle = output->type == TfliteType::int8 ? 0 : 128;
  if (output->scales[0] != 1.0f / 128 || zero_point(*output) != middle)
    return invalid(
        "has an output whose scale is not 1/128 or whose zero point is not in the middle");
  TRY(auto const value, lowering.value(0));
  return lowering.finish({proto::Opcode::l2_normalization, {value}, {}, {}});
}

}  // namespace godwit::compiler
