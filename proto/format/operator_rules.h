// What the rules of operators share, and the rules themselves by operator. A rule returns nullptr,
// or what is broken; kernels rely on every one. Nothing is inline that is more than a comparison:
// rules run once, and firmware counts bytes. Only operators*.cpp and rules_*.cpp include this.
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

auto good(Multiplier m) -> bool;
/// Bounds within an output of int8, or of int16.
auto good(Clamp clamp, TensorType type = TensorType::int8) -> bool;

constexpr int32_t kWideShiftMax = 7;  // of a factor of sums of 64 bits

/// The bias of sums of 64 bits: int64, small enough that nothing overflows.
auto is_wide_bias(ModelView const& model, Tensor const& bias, uint32_t elements) -> bool;
constexpr uint32_t kWideProductsMax = 1u << 23;

inline auto within(int32_t value, int32_t low, int32_t high) -> bool {
  return value >= low && value <= high;
}

auto input_of(ModelView const& model, Operator const& op, uint32_t i) -> Tensor;
auto output_of(ModelView const& model, Operator const& op) -> Tensor;  // the first

auto same_shape(Tensor const& a, Tensor const& b) -> bool;
auto is_constant(Tensor const& tensor, TensorType type, uint32_t elements) -> bool;
/// Constants are little-endian and lie anywhere; kernels compute with values of more than one byte
/// only where those are in the processor's order and aligned.
auto is_wide_constant(Tensor const& tensor) -> bool;
/// The activations that an operator reads and writes: its first `inputs` inputs, and its output.
auto all_are(ModelView const& model, Operator const& op, TensorType type, uint32_t inputs = 1)
    -> bool;
/// All of int8, or all of int16 and computed.
auto all_are_whole(ModelView const& model, Operator const& op, uint32_t inputs = 1) -> bool;
/// One axis of a window that slides over an input: nothing overflows, whatever lies outside.
auto window_axis(int32_t stride, int32_t pad, uint32_t reach, uint32_t output) -> bool;
auto broadcasts(Tensor const& input, Tensor const& output) -> bool;
/// How many values of the input make one when `axes` (bits) are reduced; 0 if there are no such
/// axes.
auto reduced_by(int32_t axes, Tensor const& input) -> uint32_t;

// What many rules say; in memory once.
extern char const kMisfit[];
extern char const kMultiplierRange[];
extern char const kClampRange[];
extern char const kNotRank4[];
extern char const kNotInt8[];
extern char const kNotInt16[];
extern char const kNotWhole[];
extern char const kWideConstant[];
extern char const kTypesDiffer[];

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
auto check_pair(ModelView const& model, Operator const& op) -> Fault;
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
