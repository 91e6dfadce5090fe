// The rules of each operator. A rule returns nullptr, or what is broken; kernels rely on every one.
#include "proto/format/operators.h"

#include <algorithm>
#include <limits>

#include "proto/format/model_layout.h"

namespace godwit::proto {

namespace {

using Fault = char const*;
constexpr Fault kGood = nullptr;

constexpr int32_t kStrideMax = 1 << 15;
constexpr int32_t kReducedElementsMax = 1 << 23;  // a sum of int8 minus zero point fits int32

template <typename T>
constexpr auto word_count() -> uint32_t {
  return sizeof(T) / 4;
}

auto good(Multiplier m) -> bool {
  return m.value >= 0 && m.shift >= -31 && m.shift <= 30;
}

auto good(Clamp clamp) -> bool {
  return clamp.low >= -128 && clamp.low <= clamp.high && clamp.high <= 127;
}

auto within(int32_t value, int32_t low, int32_t high) -> bool {
  return value >= low && value <= high;
}

auto same_shape(Tensor const& a, Tensor const& b) -> bool {
  return a.rank == b.rank && a.shape == b.shape;
}

auto is_constant(Tensor const& tensor, TensorType type, uint32_t elements) -> bool {
  return tensor.place == Place::constant && tensor.type == type && tensor.elements == elements;
}

/// One axis of a window that slides over an input: nothing overflows, whatever lies outside.
auto window_axis(int32_t stride, int32_t pad, uint32_t reach, uint32_t output) -> bool {
  if (!within(stride, 1, kStrideMax) || !within(pad, 0, kStrideMax)) return false;
  return uint64_t{output} * static_cast<uint32_t>(stride) + reach <=
         static_cast<uint64_t>(std::numeric_limits<int32_t>::max()) / 2;
}

/// The bias and the factors of each output channel: inputs 2, 3 and 4 of a matrix operator.
auto check_channels(ModelView const& model, Operator const& op, uint32_t channels) -> Fault {
  if (!is_constant(model.tensor(op.input(2)), TensorType::int32, channels))
    return "bias does not fit the output channels";
  auto const values = model.tensor(op.input(3));
  auto const shifts = model.tensor(op.input(4));
  if (!is_constant(values, TensorType::int32, channels) ||
      !is_constant(shifts, TensorType::int8, channels))
    return "multipliers do not fit the output channels";
  auto const value_bytes = model.constant(values);
  auto const shift_bytes = model.constant(shifts);
  for (size_t i = 0; i < channels; ++i) {
    Multiplier const m{static_cast<int32_t>(layout::little<uint32_t>(value_bytes, 4 * i)),
                       static_cast<int8_t>(shift_bytes[i])};
    if (!good(m)) return "a multiplier is out of range";
  }
  return kGood;
}

auto check_weights(Tensor const& weights) -> Fault {
  if (weights.place != Place::constant || weights.type != TensorType::int8 ||
      weights.zero_point != 0)
    return "weights are not constant symmetric int8";
  return kGood;
}

auto check_conv(ModelView const& model, Operator const& op) -> Fault {
  auto const input = model.tensor(op.input(0));
  auto const weights = model.tensor(op.input(1));
  auto const output = model.tensor(op.output(0));
  auto const p = op.params<ConvParams>();
  bool const depthwise = op.code() == Opcode::depthwise_conv_2d;
  if (input.rank != 4 || weights.rank != 4 || output.rank != 4) return "a tensor is not of rank 4";
  if (auto const fault = check_weights(weights)) return fault;
  uint32_t const channels = output.shape[3];
  bool const fits = depthwise ? weights.shape[0] == 1 && weights.shape[3] == channels &&
                                    channels % input.shape[3] == 0
                              : weights.shape[0] == channels && weights.shape[3] == input.shape[3];
  if (!fits || input.shape[0] != output.shape[0]) return "shapes do not fit each other";
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
  if (!good(p.clamp)) return "clamp out of range";
  return check_channels(model, op, channels);
}

auto check_fully_connected(ModelView const& model, Operator const& op) -> Fault {
  auto const input = model.tensor(op.input(0));
  auto const weights = model.tensor(op.input(1));
  auto const output = model.tensor(op.output(0));
  if (auto const fault = check_weights(weights)) return fault;
  if (weights.rank != 2) return "weights are not of rank 2";
  uint32_t const channels = weights.shape[0];
  uint32_t const depth = weights.shape[1];
  if (input.elements % depth || uint64_t{input.elements / depth} * channels != output.elements)
    return "shapes do not fit each other";
  if (!good(op.params<FullyConnectedParams>().clamp)) return "clamp out of range";
  return check_channels(model, op, channels);
}

auto broadcasts(Tensor const& input, Tensor const& output) -> bool {
  if (input.rank > output.rank) return false;
  for (uint32_t d = 0; d < input.rank; ++d) {
    auto const extent = input.shape[d];
    if (extent != 1 && extent != output.shape[output.rank - input.rank + d]) return false;
  }
  return true;
}

auto check_add(ModelView const& model, Operator const& op) -> Fault {
  auto const output = model.tensor(op.output(0));
  auto const p = op.params<AddParams>();
  if (!broadcasts(model.tensor(op.input(0)), output) ||
      !broadcasts(model.tensor(op.input(1)), output))
    return "shapes do not fit each other";
  // A factor of at most 1 keeps the sum of both scaled inputs inside int32.
  if (!within(p.left_shift, 0, 20) || !good(p.first) || p.first.shift > 0 || !good(p.second) ||
      p.second.shift > 0 || !good(p.output))
    return "a multiplier is out of range";
  return good(p.clamp) ? kGood : "clamp out of range";
}

auto check_pool(ModelView const& model, Operator const& op) -> Fault {
  auto const input = model.tensor(op.input(0));
  auto const output = model.tensor(op.output(0));
  auto const p = op.params<PoolParams>();
  if (input.rank != 4 || output.rank != 4) return "a tensor is not of rank 4";
  if (input.shape[0] != output.shape[0] || input.shape[3] != output.shape[3])
    return "shapes do not fit each other";
  if (!within(p.filter_height, 1, kStrideMax) || !within(p.filter_width, 1, kStrideMax) ||
      int64_t{p.filter_height} * p.filter_width > kReducedElementsMax)
    return "filter out of range";
  auto const axis = [](int32_t filter, int32_t stride, int32_t pad, uint32_t in, uint32_t out) {
    // Every window must touch the input: an average over nothing has no value.
    return window_axis(stride, pad, static_cast<uint32_t>(filter), out) && pad < filter &&
           int64_t{out - 1} * stride - pad < int64_t{in};
  };
  if (!axis(p.filter_height, p.window.stride_height, p.window.pad_top, input.shape[1],
            output.shape[1]) ||
      !axis(p.filter_width, p.window.stride_width, p.window.pad_left, input.shape[2],
            output.shape[2]))
    return "stride or padding out of range";
  return good(p.clamp) ? kGood : "clamp out of range";
}

auto check_pad(ModelView const& model, Operator const& op) -> Fault {
  auto const input = model.tensor(op.input(0));
  auto const output = model.tensor(op.output(0));
  auto const p = op.params<PadParams>();
  if (input.rank != output.rank) return "shapes do not fit each other";
  for (size_t d = 0; d < kTensorRankMax; ++d)
    if (p.before[d] < 0 ||
        uint64_t{input.shape[d]} + static_cast<uint32_t>(p.before[d]) > output.shape[d])
      return "padding does not fit the output";
  return within(p.value, -128, 127) ? kGood : "value out of range";
}

auto check_mean(ModelView const& model, Operator const& op) -> Fault {
  auto const input = model.tensor(op.input(0));
  auto const output = model.tensor(op.output(0));
  auto const p = op.params<MeanParams>();
  if (p.axes <= 0 || p.axes >= 1 << input.rank) return "axes out of range";
  uint32_t reduced = 1;
  for (uint32_t d = 0; d < input.rank; ++d)
    if (p.axes >> d & 1) reduced *= input.shape[d];
  if (reduced > kReducedElementsMax || input.elements / reduced != output.elements)
    return "shapes do not fit each other";
  return good(p.multiplier) ? kGood : "a multiplier is out of range";
}

auto check_reshape(ModelView const& model, Operator const& op) -> Fault {
  return model.tensor(op.input(0)).size_bytes == model.tensor(op.output(0)).size_bytes
             ? kGood
             : "sizes differ";
}

auto check_softmax(ModelView const& model, Operator const& op) -> Fault {
  auto const p = op.params<SoftmaxParams>();
  auto const input = model.tensor(op.input(0));
  if (input.rank == 0 || !same_shape(input, model.tensor(op.output(0))))
    return "shapes do not fit each other";
  // The smallest difference that counts, shifted, still fits int32.
  bool const fits = p.diff_min <= 0 && p.multiplier.shift >= 0 && p.multiplier.shift <= 30 &&
                    p.multiplier.value >= 0 && -int64_t{p.diff_min} <= INT64_C(1) << 31 &&
                    -int64_t{p.diff_min} << p.multiplier.shift <= INT64_C(1) << 31;
  return fits ? kGood : "a multiplier is out of range";
}

struct Rule {
  Opcode code;
  std::string_view name;
  Arity arity;
  Fault (*check)(ModelView const&, Operator const&);
};

// A new operator is one row here, one in the engine's kernel table and one in the compiler's.
constexpr Rule kRules[] = {
    {Opcode::conv_2d, "CONV_2D", {5, 1, word_count<ConvParams>()}, check_conv},
    {Opcode::depthwise_conv_2d, "DEPTHWISE_CONV_2D", {5, 1, word_count<ConvParams>()}, check_conv},
    {Opcode::fully_connected,
     "FULLY_CONNECTED",
     {5, 1, word_count<FullyConnectedParams>()},
     check_fully_connected},
    {Opcode::add, "ADD", {2, 1, word_count<AddParams>()}, check_add},
    {Opcode::average_pool_2d, "AVERAGE_POOL_2D", {1, 1, word_count<PoolParams>()}, check_pool},
    {Opcode::max_pool_2d, "MAX_POOL_2D", {1, 1, word_count<PoolParams>()}, check_pool},
    {Opcode::pad, "PAD", {1, 1, word_count<PadParams>()}, check_pad},
    {Opcode::mean, "MEAN", {1, 1, word_count<MeanParams>()}, check_mean},
    {Opcode::reshape, "RESHAPE", {1, 1, 0}, check_reshape},
    {Opcode::softmax, "SOFTMAX", {1, 1, word_count<SoftmaxParams>()}, check_softmax},
};

auto find_rule(Opcode code) -> Rule const* {
  for (auto const& rule : kRules)
    if (rule.code == code) return &rule;
  return nullptr;
}

}  // namespace

auto to_string(Opcode code) -> std::string_view {
  auto const* const rule = find_rule(code);
  return rule ? rule->name : "unknown";
}

auto arity(Opcode code) -> Arity const* {
  auto const* const rule = find_rule(code);
  return rule ? &rule->arity : nullptr;
}

auto check_operator(ModelView const& model, Operator const& op) -> char const* {
  auto const* const rule = find_rule(op.code());
  if (!rule) return "unknown operator";
  if (op.code() != Opcode::reshape)
    if (model.tensor(op.input(0)).type != TensorType::int8 ||
        model.tensor(op.output(0)).type != TensorType::int8)
      return "activations are not int8";
  if (op.code() == Opcode::add && model.tensor(op.input(1)).type != TensorType::int8)
    return "activations are not int8";
  return rule->check(model, op);
}

}  // namespace godwit::proto
