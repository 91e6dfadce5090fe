// Pools, PAD and SOFTMAX.
#include <algorithm>
#include <cmath>

#include "compiler/lower/lower.h"
#include "compiler/lower/rearrange.h"
#include "compiler/lower/wide.h"
#include "compiler/lower/window.h"

namespace godwit::compiler {

namespace {

auto lower_pool(Lowering& lowering, proto::Opcode code) -> Result<> {
  TRY_VOID(lowering.check_count(1, 1));
  TRY(auto const* output, lowering.output(0, whole_types()));
  TRY(auto const* input, lowering.activation(0, {output->type}));
  TRY_VOID(lowering.check_same_quantisation(0, *output));
  if (input->shape.size() != 4 || output->shape.size() != 4)
    return lowering.fail(0, "does not have four dimensions, or the output does not");
  TRY(auto const width, lowering.option_int(3, 0));
  TRY(auto const height, lowering.option_int(4, 0));
  if (width < 1 || height < 1) return invalid("has an empty filter");
  Extent const filter{static_cast<uint32_t>(height), static_cast<uint32_t>(width)};
  TRY(auto const window, lower_window(lowering, filter, {1, 1}));
  TRY(auto const activation, lowering.activation_option(5));
  TRY(auto const value, lowering.value(0));
  proto::PoolParams const params{window, height, width,
                                 activation_clamp(activation, output->scales[0],
                                                  zero_point(*output), whole_range(output->type))};
  // The average of uint8 is rounded halves upwards; moved by 128, halves away from zero differ.
  if (code == proto::Opcode::average_pool_2d && output->moved)
    code = proto::Opcode::average_pool_2d_up;
  return lowering.finish({code, {value}, {}, proto::param_words(params)});
}

}  // namespace

auto lower_average_pool_2d(Lowering& lowering) -> Result<> {
  return lower_pool(lowering, proto::Opcode::average_pool_2d);
}

auto lower_max_pool_2d(Lowering& lowering) -> Result<> {
  return lower_pool(lowering, proto::Opcode::max_pool_2d);
}

auto lower_pad(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(2, 2));
  if (lowering.input_type(0) != TfliteType::int8) return finish_pad(lowering, std::nullopt);
  TRY(auto const* input, lowering.activation(0));
  TRY(auto const* output, lowering.output());
  TRY_VOID(lowering.check_same_quantisation(0, *output));
  TRY(auto const paddings, lowering.small_numbers(1));
  size_t const rank = input->shape.size();
  if (paddings.size() != 2 * rank || output->shape.size() != rank)
    return lowering.fail(1, "does not hold two paddings for each dimension");
  proto::PadParams params{};
  for (size_t d = 0; d < rank; ++d) {
    int64_t const before = paddings[2 * d];
    int64_t const after = paddings[2 * d + 1];
    if (before < 0 || after < 0 || before > proto::kTensorBytesMax ||
        after > proto::kTensorBytesMax || before + input->shape[d] + after != output->shape[d])
      return lowering.fail(1, "does not lead to the shape of the output");
    params.before[d] = static_cast<int32_t>(before);
  }
  params.value = zero_point(*output);
  TRY(auto const value, lowering.value(0));
  return lowering.finish({proto::Opcode::pad, {value}, {}, proto::param_words(params)});
}

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

}  // namespace godwit::compiler
