// What the rules of operators share, and the rules themselves by operator. A rule returns nullptr,
// or what is broken; kernels rely on every one. Only operators*.cpp and rules_*.cpp include this.
#pragma once

#include <algorithm>
#include <limits>

#include "proto/format/model_layout.h"
#include "proto/format/operators.h"

namespace godwit::proto::rules {

using Fault = char const*;
constexpr Fault kGood = nullptr;

constexpr int32_t kStrideMax = 1 << 15;
/// So many values minus their zero point have a sum that fits int32.
constexpr auto reduced_max(TensorType type) -> uint32_t {
  return type == TensorType::int16 ? 1u << 14 : 1u << 23;
}

inline auto good(Multiplier m) -> bool {
  return m.value >= 0 && m.shift >= -31 && m.shift <= 30;
}

/// Bounds within an output of int8, or of int16.
inline auto good(Clamp clamp, TensorType type = TensorType::int8) -> bool {
  int32_t const high = type == TensorType::int16 ? 32767 : 127;
  return clamp.low >= -high - 1 && clamp.low <= clamp.high && clamp.high <= high;
}

constexpr int32_t kWideShiftMax = 7;  // of a factor of sums of 64 bits

/// The bias of sums of 64 bits: int64, small enough that nothing overflows.
auto is_wide_bias(ModelView const& model, Tensor const& bias, uint32_t elements) -> bool;
constexpr uint32_t kWideProductsMax = 1u << 23;

inline auto within(int32_t value, int32_t low, int32_t high) -> bool {
  return value >= low && value <= high;
}

inline auto same_shape(Tensor const& a, Tensor const& b) -> bool {
  if (a.rank != b.rank) return false;
  for (uint32_t d = 0; d < a.rank; ++d)
    if (a.shape[d] != b.shape[d]) return false;
  return true;
}

inline auto is_constant(Tensor const& tensor, TensorType type, uint32_t elements) -> bool {
  return tensor.place == Place::constant && tensor.type == type && tensor.elements == elements;
}

/// Constants are little-endian and lie anywhere; kernels compute with values of more than one byte
/// only where those are in the processor's order and aligned.
inline auto is_wide_constant(Tensor const& tensor) -> bool {
  return tensor.place == Place::constant && element_bytes(tensor.type) > 1;
}
constexpr Fault kWideConstant = "an input is a constant of more than one byte a value";

/// The activations that an operator reads and writes: its first `inputs` inputs, and its output.
inline auto all_are(ModelView const& model, Operator const& op, TensorType type,
                    uint32_t inputs = 1) -> bool {
  for (uint32_t i = 0; i < inputs; ++i)
    if (model.tensor(op.input(i)).type != type) return false;
  return model.tensor(op.output(0)).type == type;
}
constexpr Fault kNotInt8 = "activations are not int8";

/// All of int8, or all of int16 and computed.
inline auto all_are_whole(ModelView const& model, Operator const& op, uint32_t inputs = 1) -> bool {
  if (all_are(model, op, TensorType::int8, inputs)) return true;
  for (uint32_t i = 0; i < inputs; ++i)
    if (is_wide_constant(model.tensor(op.input(i)))) return false;
  return all_are(model, op, TensorType::int16, inputs);
}
constexpr Fault kNotWhole = "activations are not all int8, or all computed int16";
constexpr Fault kTypesDiffer = "types differ";

/// One axis of a window that slides over an input: nothing overflows, whatever lies outside.
inline auto window_axis(int32_t stride, int32_t pad, uint32_t reach, uint32_t output) -> bool {
  if (!within(stride, 1, kStrideMax) || !within(pad, 0, kStrideMax)) return false;
  return uint64_t{output} * static_cast<uint32_t>(stride) + reach <=
         static_cast<uint64_t>(std::numeric_limits<int32_t>::max()) / 2;
}

inline auto broadcasts(Tensor const& input, Tensor const& output) -> bool {
  if (input.rank > output.rank) return false;
  for (uint32_t d = 0; d < input.rank; ++d) {
    auto const extent = input.shape[d];
    if (extent != 1 && extent != output.shape[output.rank - input.rank + d]) return false;
  }
  return true;
}

auto check_conv(ModelView const& model, Operator const& op) -> Fault;
auto check_fully_connected(ModelView const& model, Operator const& op) -> Fault;
auto check_add(ModelView const& model, Operator const& op) -> Fault;
auto check_pool(ModelView const& model, Operator const& op) -> Fault;
auto check_mean(ModelView const& model, Operator const& op) -> Fault;
auto check_softmax(ModelView const& model, Operator const& op) -> Fault;
auto check_lookup(ModelView const& model, Operator const& op) -> Fault;
auto check_requantize(ModelView const& model, Operator const& op) -> Fault;
auto check_svdf(ModelView const& model, Operator const& op) -> Fault;
auto check_lstm(ModelView const& model, Operator const& op) -> Fault;
auto check_pad(ModelView const& model, Operator const& op) -> Fault;
auto check_reshape(ModelView const& model, Operator const& op) -> Fault;
auto check_pair_lookup(ModelView const& model, Operator const& op) -> Fault;
auto check_choice(ModelView const& model, Operator const& op) -> Fault;
auto check_mul(ModelView const& model, Operator const& op) -> Fault;
auto check_prelu(ModelView const& model, Operator const& op) -> Fault;
auto check_reduce(ModelView const& model, Operator const& op) -> Fault;
auto check_arg(ModelView const& model, Operator const& op) -> Fault;
auto check_resize_bilinear(ModelView const& model, Operator const& op) -> Fault;
auto check_transpose_conv(ModelView const& model, Operator const& op) -> Fault;
auto check_l2_normalization(ModelView const& model, Operator const& op) -> Fault;
auto check_batch_matmul(ModelView const& model, Operator const& op) -> Fault;
auto check_quantize(ModelView const& model, Operator const& op) -> Fault;
auto check_dequantize(ModelView const& model, Operator const& op) -> Fault;
auto check_wide_softmax(ModelView const& model, Operator const& op) -> Fault;
auto check_wide_slopes(ModelView const& model, Operator const& op) -> Fault;
auto check_detection(ModelView const& model, Operator const& op) -> Fault;
auto check_gather(ModelView const& model, Operator const& op) -> Fault;
auto check_resize_bilinear_real(ModelView const& model, Operator const& op) -> Fault;
auto check_cast(ModelView const& model, Operator const& op) -> Fault;
auto check_sigmoid(ModelView const& model, Operator const& op) -> Fault;
auto check_rearrange(ModelView const& model, Operator const& op) -> Fault;
auto check_concatenation(ModelView const& model, Operator const& op) -> Fault;
auto check_read_variable(ModelView const& model, Operator const& op) -> Fault;
auto check_assign_variable(ModelView const& model, Operator const& op) -> Fault;

}  // namespace godwit::proto::rules
