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
constexpr int32_t kReducedElementsMax = 1 << 23;  // a sum of int8 minus zero point fits int32

inline auto good(Multiplier m) -> bool {
  return m.value >= 0 && m.shift >= -31 && m.shift <= 30;
}

inline auto good(Clamp clamp) -> bool {
  return clamp.low >= -128 && clamp.low <= clamp.high && clamp.high <= 127;
}

inline auto within(int32_t value, int32_t low, int32_t high) -> bool {
  return value >= low && value <= high;
}

inline auto same_shape(Tensor const& a, Tensor const& b) -> bool {
  return a.rank == b.rank && a.shape == b.shape;
}

inline auto is_constant(Tensor const& tensor, TensorType type, uint32_t elements) -> bool {
  return tensor.place == Place::constant && tensor.type == type && tensor.elements == elements;
}

/// The activations that an operator reads and writes: its first `inputs` inputs, and its output.
inline auto all_are(ModelView const& model, Operator const& op, TensorType type,
                    uint32_t inputs = 1) -> bool {
  for (uint32_t i = 0; i < inputs; ++i)
    if (model.tensor(op.input(i)).type != type) return false;
  return model.tensor(op.output(0)).type == type;
}
constexpr Fault kNotInt8 = "activations are not int8";

/// One axis of a window that slides over an input: nothing overflows, whatever lies outside.
inline auto window_axis(int32_t stride, int32_t pad, uint32_t reach, uint32_t output) -> bool {
  if (!within(stride, 1, kStrideMax) || !within(pad, 0, kStrideMax)) return false;
  return uint64_t{output} * static_cast<uint32_t>(stride) + reach <=
         static_cast<uint64_t>(std::numeric_limits<int32_t>::max()) / 2;
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

}  // namespace godwit::proto::rules
