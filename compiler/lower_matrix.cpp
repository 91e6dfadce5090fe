// CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED: weights stay as they are in the file, row by row,
// so that deltas between releases stay small.
#include <algorithm>
#include <cmath>

#include "compiler/lower.h"
#include "compiler/window.h"

namespace godwit::compiler {

namespace {

struct Weights {
  TfliteTensor const* tensor;
  uint32_t channels;
  uint32_t channel_axis;

  auto scale(uint32_t channel) const -> float {
    return tensor->scales.size() == 1 ? tensor->scales[0] : tensor->scales[channel];
  }
};

auto read_weights(Lowering const& lowering, size_t rank, uint32_t channel_axis) -> Result<Weights> {
  TRY(auto const* tensor, lowering.constant(1, TfliteType::int8));
  if (tensor->shape.size() != rank)
    return lowering.fail(1, "has " + std::to_string(tensor->shape.size()) + " dimensions, not " +
                                std::to_string(rank));
  uint32_t const channels = tensor->shape[channel_axis];
  if (tensor->scales.size() != 1 && tensor->scales.size() != channels)
    return lowering.fail(1, "has " + std::to_string(tensor->scales.size()) + " scales for " +
                                std::to_string(channels) + " output channels");
  if (std::any_of(tensor->zero_points.begin(), tensor->zero_points.end(),
                  [](int64_t zero_point) { return zero_point != 0; }))
    return lowering.fail(1, "has a zero point: weights must be quantised symmetrically");
  for (float scale : tensor->scales)
    if (!std::isfinite(scale) || scale <= 0)
      return lowering.fail(1, "has a scale that is not a positive number");
  return Weights{tensor, channels, channel_axis};
}

auto add_bias(Lowering& lowering, uint32_t channels, std::string const& name) -> Result<uint32_t> {
  Bytes data(4 * size_t{channels});
  if (lowering.has_input(2)) {
    TRY(auto const* bias, lowering.constant(2, TfliteType::int32));
    if (bias->elements != channels) return lowering.fail(2, "does not fit the output channels");
    data.assign(bias->data.begin(), bias->data.end());
  }
  return lowering.add_constant({.name = name + ":bias",
                                .type = proto::TensorType::int32,
                                .shape = {channels},
                                .scales = {},
                                .data = std::move(data)});
}

/// Adds weights, bias, multipliers and shifts, and gives the inputs of the operator.
auto matrix_inputs(Lowering& lowering, Weights const& weights) -> Result<std::vector<uint32_t>> {
  TRY(auto const* input, lowering.activation(0));
  TRY(auto const* output, lowering.output());
  TRY(auto const value, lowering.value(0));
  auto const& name = weights.tensor->name;
  std::vector<uint32_t> inputs = {value};
  inputs.push_back(lowering.add_constant(
      {.name = name,
       .type = proto::TensorType::int8,
       .shape = weights.tensor->shape,
       .scales = weights.tensor->scales,
       .scale_axis = weights.tensor->scales.size() > 1 ? weights.channel_axis : 0,
       .data = Bytes(weights.tensor->data.begin(), weights.tensor->data.end())}));
  TRY(auto const bias, add_bias(lowering, weights.channels, name));
  inputs.push_back(bias);
  Writer values;
  Writer shifts;
  for (uint32_t c = 0; c < weights.channels; ++c) {
    auto const m = quantise_multiplier(static_cast<double>(input->scales[0]) *
                                       static_cast<double>(weights.scale(c)) /
                                       static_cast<double>(output->scales[0]));
    values.u32(static_cast<uint32_t>(m.value));
    shifts.u8(static_cast<uint8_t>(m.shift));
  }
  inputs.push_back(lowering.add_constant({.name = name + ":multiplier",
                                          .type = proto::TensorType::int32,
                                          .shape = {weights.channels},
                                          .scales = {},
                                          .data = std::move(values).take()}));
  inputs.push_back(lowering.add_constant({.name = name + ":shift",
                                          .type = proto::TensorType::int8,
                                          .shape = {weights.channels},
                                          .scales = {},
                                          .data = std::move(shifts).take()}));
  return inputs;
}

struct ConvFields {
  uint32_t activation, dilation_width, dilation_height;
};

auto lower_any_conv(Lowering& lowering, proto::Opcode code, ConvFields const& fields) -> Result<> {
  TRY_VOID(lowering.check_count(2, 3));
  bool const depthwise = code == proto::Opcode::depthwise_conv_2d;
  TRY(auto const* input, lowering.activation(0));
  TRY(auto const* output, lowering.output());
  TRY(auto const weights, read_weights(lowering, 4, depthwise ? 3 : 0));
  if (input->shape.size() != 4 || output->shape.size() != 4)
    return lowering.fail(0, "does not have four dimensions, or the output does not");
  if (!depthwise && weights.tensor->shape[3] != input->shape[3])
    return lowering.fail(1, "makes this a grouped convolution, which cannot be compiled; split it");
  TRY(auto const dilation_width, lowering.option_int(fields.dilation_width, 1));
  TRY(auto const dilation_height, lowering.option_int(fields.dilation_height, 1));
  Extent const kernel{weights.tensor->shape[1], weights.tensor->shape[2]};
  TRY(auto const window, lower_window(lowering, kernel, {dilation_height, dilation_width}));
  TRY(auto const activation, lowering.activation_option(fields.activation));
  TRY(auto inputs, matrix_inputs(lowering, weights));
  proto::ConvParams const params{window, dilation_height, dilation_width,
                                 activation_clamp(activation, output->scales[0],
                                                  static_cast<int32_t>(output->zero_points[0]))};
  return lowering.finish({code, std::move(inputs), {}, proto::param_words(params)});
}

}  // namespace

auto lower_conv_2d(Lowering& lowering) -> Result<> {
  return lower_any_conv(lowering, proto::Opcode::conv_2d, {3, 4, 5});
}

auto lower_depthwise_conv_2d(Lowering& lowering) -> Result<> {
  return lower_any_conv(lowering, proto::Opcode::depthwise_conv_2d, {4, 5, 6});
}

auto lower_fully_connected(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(2, 3));
  TRY(auto const* output, lowering.output());
  TRY(auto const weights, read_weights(lowering, 2, 0));
  TRY(auto const format, lowering.option_byte(1));
  if (format != 0) return invalid("has shuffled weights, which cannot be compiled");
  TRY(auto const activation, lowering.activation_option(0));
  TRY(auto inputs, matrix_inputs(lowering, weights));
  proto::FullyConnectedParams const params{activation_clamp(
      activation, output->scales[0], static_cast<int32_t>(output->zero_points[0]))};
  return lowering.finish(
      {proto::Opcode::fully_connected, std::move(inputs), {}, proto::param_words(params)});
}

}  // namespace godwit::compiler
