// CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED: weights stay in the order of the file, row by
// row, so that deltas between releases stay small.
#include <algorithm>
#include <cmath>

#include "compiler/lower/matrix.h"
#include "compiler/lower/window.h"

namespace godwit::compiler {

namespace {

/// Where an operator has its activation, weights and bias.
struct Slots {
  size_t input, weights, bias;
};
constexpr Slots kSlots{0, 1, 2};

struct Weights {
  TfliteTensor const* tensor;
  uint32_t channels;
  uint32_t channel_axis;

  auto scale(uint32_t channel) const -> float {
    return tensor->scales.size() == 1 ? tensor->scales[0] : tensor->scales[channel];
  }
};

auto read_weights(Lowering const& lowering, size_t rank, uint32_t channel_axis) -> Result<Weights> {
  bool const packed = lowering.input_type(1) == TfliteType::int4;
  TRY(auto const* tensor, lowering.constant(1, packed ? TfliteType::int4 : TfliteType::int8));
  if (tensor->shape.size() != rank)
    return lowering.fail(1, "has " + std::to_string(tensor->shape.size()) + " dimensions, not " +
                                std::to_string(rank));
  uint32_t const channels = tensor->shape[channel_axis];
  if (tensor->scales.size() != 1 && tensor->scales.size() != channels)
    return lowering.fail(1, "has " + std::to_string(tensor->scales.size()) + " scales for " +
                                std::to_string(channels) + " output channels");
  bool const symmetric = std::all_of(tensor->zero_points.begin(), tensor->zero_points.end(),
                                     [](int64_t zero_point) { return zero_point == 0; });
  if (!symmetric && (!tensor->moved || std::abs(tensor->zero_points[0]) > 128))
    return lowering.fail(1, "has a zero point: weights must be quantised symmetrically");
  for (float scale : tensor->scales)
    if (!std::isfinite(scale) || scale <= 0)
      return lowering.fail(1, "has a scale that is not a positive number");
  return Weights{tensor, channels, channel_axis};
}

/// Weights as the engine takes them.
struct PlainWeights {
  Bytes bytes;
  int32_t zero_point = 0;
};

/// Every path knows weights without a zero point: it is taken off where all of them allow it.
auto without_zero_point(PlainWeights weights) -> PlainWeights {
  if (weights.zero_point == 0) return weights;
  Bytes out;
  for (uint8_t const byte : weights.bytes) {
    int32_t const value = static_cast<int8_t>(byte) - weights.zero_point;
    if (value < -127 || value > 127) return weights;
    out.push_back(static_cast<uint8_t>(value));
  }
  return {std::move(out), 0};
}

/// One byte for each weight; two weights of four bits share one in the file, the lower bits first.
auto weight_bytes(TfliteTensor const& tensor) -> Bytes {
  if (tensor.type != TfliteType::int4) return {tensor.data.begin(), tensor.data.end()};
  Bytes out(tensor.elements);
  for (size_t i = 0; i < out.size(); ++i) {
    auto const bits = static_cast<uint8_t>(tensor.data[i / 2] >> (i % 2 * 4) << 4);
    out[i] = static_cast<uint8_t>(static_cast<int8_t>(bits) >> 4);
  }
  return out;
}

/// Sums of int16 values have 64 bits, and so has their bias, unless it says otherwise.
auto read_bias(Lowering& lowering, size_t slot, uint32_t channels, std::string const& name,
               bool wide) -> Result<proto::TensorSpec> {
  bool const given = lowering.has_input(slot);
  auto const type = wide && (!given || lowering.input_type(slot) == TfliteType::int64)
                        ? TfliteType::int64
                        : TfliteType::int32;
  Bytes data((type == TfliteType::int64 ? 8 : 4) * size_t{channels});
  if (given) {
    TRY(auto const* bias, lowering.constant(slot, type));
    if (bias->elements != channels) return lowering.fail(slot, "does not fit the output channels");
    data.assign(bias->data.begin(), bias->data.end());
  }
  return proto::TensorSpec{
      .name = name + ":bias",
      .type = type == TfliteType::int64 ? proto::TensorType::int64 : proto::TensorType::int32,
      .shape = {channels},
      .scales = {},
      .data = std::move(data)};
}

/// Of an input step and a weight step. LiteRT multiplies those of uint8 convolutions in float32.
auto product_scale(TfliteTensor const& input, Weights const& weights, uint32_t channel) -> double {
  float const scale = weights.scale(channel);
  if (input.moved && weights.tensor->shape.size() == 4)
    return static_cast<double>(input.scales[0] * scale);
  return static_cast<double>(input.scales[0]) * static_cast<double>(scale);
}

/// Weights, bias, multipliers and shifts.
auto matrix_constants(Lowering& lowering, Weights const& weights, Slots const& slots = kSlots)
    -> Result<MatrixConstants> {
  TRY(auto const* output, lowering.output(0, whole_types()));
  TRY(auto const* input, lowering.activation(slots.input, {output->type}));
  // Passes go by the channels of the output, and read weights for each.
  if (output->shape.empty() || output->shape.back() != weights.channels)
    return lowering.fail(1, "has " + std::to_string(weights.channels) +
                                " output channels, and the output another number of them");
  bool const wide = output->type == TfliteType::int16;
  auto const& name = weights.tensor->name;
  auto plain = without_zero_point(
      {weight_bytes(*weights.tensor), weights.tensor->moved ? zero_point(*weights.tensor) : 0});
  MatrixConstants constants;
  constants[0] = {.name = name,
                  .type = proto::TensorType::int8,
                  .shape = weights.tensor->shape,
                  .scales = weights.tensor->scales,
                  .scale_axis = weights.tensor->scales.size() > 1 ? weights.channel_axis : 0,
                  .zero_point = plain.zero_point,
                  .data = std::move(plain.bytes)};
  TRY(constants[1], read_bias(lowering, slots.bias, weights.channels, name, wide));
  Writer values;
  Writer shifts;
  for (uint32_t c = 0; c < weights.channels; ++c) {
    auto const m = quantise_multiplier(product_scale(*input, weights, c) / real_scale(*output));
    values.u32(static_cast<uint32_t>(m.value));
    shifts.u8(static_cast<uint8_t>(m.shift));
  }
  constants[2] = {.name = name + ":multiplier",
                  .type = proto::TensorType::int32,
                  .shape = {weights.channels},
                  .scales = {},
                  .data = std::move(values).take()};
  constants[3] = {.name = name + ":shift",
                  .type = proto::TensorType::int8,
                  .shape = {weights.channels},
                  .scales = {},
                  .data = std::move(shifts).take()};
  return constants;
}

/// Adds the constants, and gives the inputs of the operator.
auto matrix_inputs(Lowering& lowering, Weights const& weights, Slots const& slots = kSlots)
    -> Result<std::vector<uint32_t>> {
  TRY(auto constants, matrix_constants(lowering, weights, slots));
  TRY(auto const value, lowering.value(slots.input));
  return add_matrix_constants(lowering, value, std::move(constants));
}

}  // namespace

auto add_matrix_constants(Lowering& lowering, uint32_t value, MatrixConstants constants)
    -> std::vector<uint32_t> {
  std::vector<uint32_t> inputs = {value};
  for (auto& constant : constants) inputs.push_back(lowering.add_constant(std::move(constant)));
  return inputs;
}

namespace {

struct ConvFields {
  uint32_t activation, dilation_width, dilation_height;
};

auto lower_any_conv(Lowering& lowering, proto::Opcode code, ConvFields const& fields) -> Result<> {
  TRY_VOID(lowering.check_count(2, 3));
  bool const depthwise = code == proto::Opcode::depthwise_conv_2d;
  TRY(auto const* output, lowering.output(0, whole_types()));
  TRY(auto const* input, lowering.activation(0, {output->type}));
  TRY(auto const weights, read_weights(lowering, 4, depthwise ? 3 : 0));
  if (input->shape.size() != 4 || output->shape.size() != 4)
    return lowering.fail(0, "does not have four dimensions, or the output does not");
  TRY(auto const dilation_width, lowering.option_int(fields.dilation_width, 1));
  TRY(auto const dilation_height, lowering.option_int(fields.dilation_height, 1));
  Extent const kernel{weights.tensor->shape[1], weights.tensor->shape[2]};
  TRY(auto const window, lower_window(lowering, kernel, {dilation_height, dilation_width}));
  TRY(auto const activation, lowering.activation_option(fields.activation));
  proto::ConvParams const params{window, dilation_height, dilation_width,
                                 activation_clamp(activation, output->scales[0],
                                                  zero_point(*output), whole_range(output->type))};
  if (!depthwise && weights.tensor->shape[3] != input->shape[3]) {
    TRY(auto constants, matrix_constants(lowering, weights));
    return finish_groups(lowering, std::move(constants), params);
  }
  TRY(auto inputs, matrix_inputs(lowering, weights));
  return lowering.finish({code, std::move(inputs), {}, proto::param_words(params)});
}

}  // namespace

auto lower_conv_2d(Lowering& lowering) -> Result<> {
  return lower_any_conv(lowering, proto::Opcode::conv_2d, {3, 4, 5});
}

auto lower_depthwise_conv_2d(Lowering& lowering) -> Result<> {
  return lower_any_conv(lowering, proto::Opcode::depthwise_conv_2d, {4, 5, 6});
}

/// Where the first input's window starts before the output, as if the output were convolved.
auto transposed_pad(bool same, int32_t stride, uint32_t filter, uint32_t output) -> int32_t {
  if (!same) return 0;
  int64_t const windows = (int64_t{output} + stride - 1) / stride;
  return static_cast<int32_t>(
      std::clamp<int64_t>((windows - 1) * stride + filter - output, 0, 1 << 16) / 2);
}

auto lower_transpose_conv(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(3, 4));  // The first input is the output's shape, known anyhow.
  constexpr Slots kTransposed{2, 1, 3};
  TRY(auto const* output, lowering.output(0, whole_types()));
  TRY(auto const* input, lowering.activation(kTransposed.input, {output->type}));
  TRY(auto const weights, read_weights(lowering, 4, 0));
  if (input->shape.size() != 4 || output->shape.size() != 4)
    return lowering.fail(kTransposed.input,
                         "does not have four dimensions, or the output does not");
  TRY(auto const padding, lowering.option_byte(0));
  TRY(auto const stride_width, lowering.option_int(1, 0));
  TRY(auto const stride_height, lowering.option_int(2, 0));
  TRY(auto const activation, lowering.activation_option(3));
  if (stride_width < 1 || stride_height < 1) return invalid("has a stride out of range");
  auto const& filter = weights.tensor->shape;
  bool const same = padding == 0;
  proto::TransposeConvParams const params{
      {stride_height, stride_width,
       transposed_pad(same, stride_height, filter[1], output->shape[1]),
       transposed_pad(same, stride_width, filter[2], output->shape[2])},
      activation_clamp(activation, output->scales[0], zero_point(*output),
                       whole_range(output->type))};
  TRY(auto inputs, matrix_inputs(lowering, weights, kTransposed));
  return lowering.finish(
      {proto::Opcode::transpose_conv, std::move(inputs), {}, proto::param_words(params)});
}

namespace {

/// Weights that are computed: a product of two matrices.
auto lower_computed_weights(Lowering& lowering) -> Result<> {
  TRY(auto const* input, lowering.activation(0));
  TRY(auto const* weights, lowering.activation(1));
  TRY(auto const* output, lowering.output());
  TRY(auto const activation, lowering.activation_option(0));
  if (lowering.has_input(2)) return lowering.fail(1, "is computed, beside a bias");
  if (weights->shape.size() != 2 || input->elements % weights->shape[1] != 0)
    return lowering.fail(1, "does not fit the input");
  uint32_t const depth = weights->shape[1];
  TRY(auto const value, lowering.value(0));
  TRY(auto const second, lowering.value(1));
  auto rows = tensor_spec(*input);
  rows.shape = {input->elements / depth, depth};
  auto const first = lowering.add({proto::Opcode::reshape, {value}, {}, {}}, rows);
  auto made = tensor_spec(*output);
  made.shape = {rows.shape[0], weights->shape[0]};
  proto::BatchMatmulParams const params{
      0, 1, quantise_multiplier(real_scale(*input) * real_scale(*weights) / real_scale(*output)),
      activation_clamp(activation, output->scales[0], zero_point(*output))};
  auto const product = lowering.add(
      {proto::Opcode::batch_matmul, {first, second}, {}, proto::param_words(params)}, made);
  return lowering.finish({proto::Opcode::reshape, {product}, {}, {}});
}

}  // namespace

namespace {

/// Weights of four bits whose rows are whole bytes stay as they are in the file.
auto finish_halves(Lowering& lowering, Weights const& weights,
                   proto::FullyConnectedParams const& params) -> Result<> {
  TRY(auto constants, matrix_constants(lowering, weights));
  constants[0].shape[1] /= 2;
  constants[0].data = Bytes(weights.tensor->data.begin(), weights.tensor->data.end());
  TRY(auto const value, lowering.value(0));
  return lowering.finish({proto::Opcode::fully_connected_4,
                          add_matrix_constants(lowering, value, std::move(constants)),
                          {},
                          proto::param_words(params)});
}

}  // namespace

auto lower_fully_connected(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(2, 3));
  if (lowering.is_computed(1)) return lower_computed_weights(lowering);
  TRY(auto const* output, lowering.output(0, whole_types()));
  TRY(auto const weights, read_weights(lowering, 2, 0));
  TRY(auto const format, lowering.option_byte(1));
  if (format != 0) return invalid("has shuffled weights, which cannot be compiled");
  TRY(auto const activation, lowering.activation_option(0));
  proto::FullyConnectedParams const params{activation_clamp(
      activation, output->scales[0], zero_point(*output), whole_range(output->type))};
  bool const halves = weights.tensor->type == TfliteType::int4 &&
                      weights.tensor->shape[1] % 2 == 0 && output->type == TfliteType::int8;
  if (halves) return finish_halves(lowering, weights, params);
  TRY(auto inputs, matrix_inputs(lowering, weights));
  return lowering.finish(
      {proto::Opcode::fully_connected, std::move(inputs), {}, proto::param_words(params)});
}

}  // namespace godwit::compiler
