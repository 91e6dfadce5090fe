// The rules of operators with constant weights: convolutions, fully connected layers.
#include "proto/format/operator_rules.h"

namespace godwit::proto::rules {

namespace {

/// The bias and the factors of each output channel: inputs 2, 3 and 4 of a matrix operator.
auto check_channels(ModelView const& model, Operator const& op, uint32_t channels) -> Fault {
  auto const bias = input_of(model, op, 2);
  bool const wide = bias.type == TensorType::int64;
  if (wide && output_of(model, op).type != TensorType::int16) return "bias is wider than its sums";
  if (wide ? !is_wide_bias(model, bias, channels) : !is_constant(bias, TensorType::int32, channels))
    return "bias does not fit the output channels, or is out of range";
  auto const values = input_of(model, op, 3);
  auto const shifts = input_of(model, op, 4);
  if (!is_constant(values, TensorType::int32, channels) ||
      !is_constant(shifts, TensorType::int8, channels))
    return "multipliers do not fit the output channels";
  auto const value_bytes = model.constant(values);
  auto const shift_bytes = model.constant(shifts);
  for (size_t i = 0; i < channels; ++i) {
    Multiplier const m{static_cast<int32_t>(layout::little<uint32_t>(value_bytes, 4 * i)),
                       static_cast<int8_t>(shift_bytes[i])};
    if (!good(m) || (wide && m.shift > kWideShiftMax)) return kMultiplierRange;
  }
  return kGood;
}

auto check_weights(Tensor const& weights) -> Fault {
  if (weights.place != Place::constant || weights.type != TensorType::int8)
    return "weights are not constant int8";
  return kGood;
}

/// int16 knows no zero points, and so few products that their sum stays below 2^46.
auto check_activations(ModelView const& model, Operator const& op, uint32_t products) -> Fault {
  if (!all_are_whole(model, op)) return kNotWhole;
  if (output_of(model, op).type != TensorType::int16) return kGood;
  if (input_of(model, op, 0).zero_point || input_of(model, op, 1).zero_point ||
      output_of(model, op).zero_point)
    return "int16 has a zero point, or its weights have";
  return products <= kWideProductsMax ? kGood : "sums too many products";
}

}  // namespace

auto check_conv(ModelView const& model, Operator const& op) -> Fault {
  auto const input = input_of(model, op, 0);
  auto const weights = input_of(model, op, 1);
  auto const output = output_of(model, op);
  auto const p = op.params<ConvParams>();
  bool const depthwise = op.code() == Opcode::depthwise_conv_2d;
  if (input.rank != 4 || weights.rank != 4 || output.rank != 4) return kNotRank4;
  if (auto const fault = check_weights(weights)) return fault;
  if (auto const fault = check_activations(model, op, weights.elements)) return fault;
  uint32_t const channels = output.shape[3];
  bool const fits = depthwise ? weights.shape[0] == 1 && weights.shape[3] == channels &&
                                    channels % input.shape[3] == 0
                              : weights.shape[0] == channels && weights.shape[3] == input.shape[3];
  if (!fits || input.shape[0] != output.shape[0]) return kMisfit;
  if (!within(p.dilation_height, 1, kStrideMax) || !within(p.dilation_width, 1, kStrideMax))
    return "dilation out of range";
  auto const reach = [](uint32_t taps, int32_t dilation) {
    return static_cast<uint32_t>(
        std::min<uint64_t>(uint64_t{taps - 1} * static_cast<uint32_t>(dilation), UINT32_MAX));
  };
  if (!window_axis(p.window.stride_height, p.window.pad_top,
                   reach(weights.shape[1], p.dilation_height), output.shape[1]) ||
      !window_axis(p.window.stride_width, p.window.pad_left,
                   reach(weights.shape[2], p.dilation_width), output.shape[2]))
    return "stride or padding out of range";
  if (!good(p.clamp, output.type)) return kClampRange;
  return check_channels(model, op, channels);
}

auto check_fully_connected(ModelView const& model, Operator const& op) -> Fault {
  auto const input = input_of(model, op, 0);
  auto const weights = input_of(model, op, 1);
  auto const output = output_of(model, op);
  if (auto const fault = check_weights(weights)) return fault;
  if (weights.rank != 2) return "weights are not of rank 2";
  // Two weights of four bits lie in each byte, so that rows are whole bytes.
  bool const halves = op.code() == Opcode::fully_connected_4;
  if (halves && (output.type != TensorType::int8 || weights.zero_point != 0))
    return "weights of four bits have a zero point, or are not for int8";
  uint32_t const channels = weights.shape[0];
  uint32_t const depth = weights.shape[1] * (halves ? 2 : 1);
  if (auto const fault = check_activations(model, op, depth)) return fault;
  if (input.elements % depth || uint64_t{input.elements / depth} * channels != output.elements)
    return kMisfit;
  if (!good(op.params<FullyConnectedParams>().clamp, output.type)) return kClampRange;
  return check_channels(model, op, channels);
}

auto check_transpose_conv(ModelView const& model, Operator const& op) -> Fault {
  auto const input = input_of(model, op, 0);
  auto const weights = input_of(model, op, 1);
  auto const output = output_of(model, op);
  auto const p = op.params<TransposeConvParams>();
  if (input.rank != 4 || weights.rank != 4 || output.rank != 4) return kNotRank4;
  if (auto const fault = check_weights(weights)) return fault;
  if (auto const fault = check_activations(model, op, weights.elements)) return fault;
  if (weights.shape[0] != output.shape[3] || weights.shape[3] != input.shape[3] ||
      input.shape[0] != output.shape[0])
    return kMisfit;
  // Output indices and padding stay far inside int32.
  if (!within(p.window.stride_height, 1, kStrideMax) ||
      !within(p.window.stride_width, 1, kStrideMax) || !within(p.window.pad_top, 0, kStrideMax) ||
      !within(p.window.pad_left, 0, kStrideMax))
    return "stride or padding out of range";
  if (!good(p.clamp, output.type)) return kClampRange;
  return check_channels(model, op, output.shape[3]);
}

}  // namespace godwit::proto::rules
