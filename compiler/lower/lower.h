// Turns operators of a .tflite graph into operators of a compiled model: checks types and
// quantisation, and computes everything that can be known before running.
#pragma once

#include "compiler/graph.h"
#include "compiler/lower/quantise.h"
#include "compiler/read/tflite.h"

namespace godwit::compiler {

/// `invalid` with the first operator or tensor that cannot be compiled: which one, why, and what to
/// do about it.
auto lower(TfliteModel const& model, proto::Rounding rounding = proto::Rounding::twice)
    -> Result<Graph>;

/// A variable that a graph reads and writes by name.
struct Variable {
  std::string name;
  uint32_t value;              // a state
  TfliteTensor const* tensor;  // of its type and size
};

/// What most operators compute with.
std::vector<TfliteType> const& whole_types();
/// All values of such a type.
auto whole_range(TfliteType type) -> proto::Clamp;

/// Float32 that depends on one byte of a value of the graph each, or on one of each of two
/// (real.h): all that it can be.
struct Reals {
  std::vector<uint32_t> sources;
  std::vector<float>
      results;  // of all bytes, or pairs, those of the first source in the upper half
};

/// What has been lowered so far. Numbers of constants and states start at kConstantBase until all
/// activations are known.
constexpr uint32_t kConstantBase = 1u << 30;
constexpr uint32_t kNoValue = UINT32_MAX;
struct Lowered {
  Graph graph;
  std::vector<uint32_t> values;              // of each tensor of the file, its number in the graph
  std::vector<proto::TensorSpec> constants;  // and states
  uint64_t constant_bytes = 0;
  std::vector<std::string> handles;  // of each tensor of the file, the variable that it names
  std::vector<Variable> variables;
  size_t real_results = 0;
  std::vector<Reals> reals;  // of each tensor of the file; none: empty
};

/// What the lowering of one operator works with.
class Lowering {
 public:
  Lowering(TfliteModel const& model, TfliteOperator const& op, Lowered& lowered)
      : model_(model), op_(op), lowered_(lowered) {}

  auto op() const -> TfliteOperator const& { return op_; }
  auto rounding() const -> proto::Rounding { return lowered_.graph.rounding; }
  /// `invalid` unless the operator has from `inputs_min` to `inputs_max` inputs and so many
  /// outputs.
  auto check_count(size_t inputs_min, size_t inputs_max, size_t outputs = 1) const -> Result<>;
  auto input_type(size_t i) const -> TfliteType {  // float32, where there is none
    return has_input(i) ? model_.tensors[static_cast<size_t>(op_.inputs[i])].type
                        : TfliteType::float32;
  }
  auto is_computed(size_t i) const -> bool {  // an input that is neither constant nor left out
    return has_input(i) && model_.tensors[static_cast<size_t>(op_.inputs[i])].data.empty();
  }
  auto input_shape(size_t i) const -> std::vector<uint32_t> {  // empty where there is none
    if (!has_input(i)) return {};
    return model_.tensors[static_cast<size_t>(op_.inputs[i])].shape;
  }
  auto has_input(size_t i) const -> bool { return i < op_.inputs.size() && op_.inputs[i] >= 0; }
  /// Input `i` as `value`, for operators that compute with wide constants only where they were made
  /// values of the graph.
  auto computed_value(size_t i) -> Result<uint32_t>;
  /// Input or output `i` must exist, be int8 and have one scale and one zero point.
  auto activation(size_t i) const -> Result<TfliteTensor const*>;
  auto output() const -> Result<TfliteTensor const*>;
  /// Input or output `i`, of one of these types; quantised, unless it is int32 or could be float32.
  auto activation(size_t i, std::vector<TfliteType> const& types) const
      -> Result<TfliteTensor const*>;
  auto output(size_t i, std::vector<TfliteType> const& types) const -> Result<TfliteTensor const*>;
  /// For operators that move values and do not compute with them: `invalid` unless input `i` means
  /// by its values what the output means by them.
  auto check_same_quantisation(size_t i, TfliteTensor const& output) const -> Result<>;
  /// Input `i` must be a constant of that type.
  auto constant(size_t i, TfliteType type) const -> Result<TfliteTensor const*>;
  /// A constant of int32 or int64, as numbers: axes, paddings.
  auto small_numbers(size_t i) const -> Result<std::vector<int64_t>>;
  auto option_int(uint32_t field, int32_t absent) const -> Result<int32_t>;
  auto option_byte(uint32_t field) const -> Result<int8_t>;
  auto option_text(uint32_t field) const -> Result<std::string>;
  /// The graph of that number, beside the main one.
  auto other_graph(int32_t i) const -> Result<TfliteModel const*>;
  auto option_float(uint32_t field, float absent) const -> Result<float>;
  auto activation_option(uint32_t field) const -> Result<Activation>;

  /// The number in the compiled graph of input `i`, whose type was checked; constants are added.
  auto value(size_t i) -> Result<uint32_t>;
  /// Adds a constant or a state and gives its number, which `lower` moves behind all activations.
  auto add_constant(proto::TensorSpec tensor) -> uint32_t;
  /// The number of input `i`, a variable of that type: what an operator keeps from row to row.
  auto state(size_t i, TfliteType type) -> Result<uint32_t>;

  /// What input `i` can be, where it is of an island of float32; else null.
  auto reals(size_t i) const -> Reals const*;
  auto set_reals(Reals reals) -> Result<>;                   // of output 0
  auto makes_reals() const -> bool;                          // output 0 is float32, or truth
  auto same_number(size_t i) const -> std::optional<float>;  // a constant that is so everywhere
  auto input_value(size_t i) const -> uint32_t {             // or kNoValue
    return has_input(i) ? lowered_.values[static_cast<size_t>(op_.inputs[i])] : kNoValue;
  }

  /// Says that output 0 names a variable.
  void name_variable(std::string name);
  /// The state behind the variable that input `i` names, which holds values as `like` does.
  auto variable(size_t i, TfliteTensor const& like) -> Result<uint32_t>;

  /// Adds an operator without outputs.
  void add(proto::OperatorSpec op);
  /// Adds an operator, which makes a new value of the graph.
  auto add(proto::OperatorSpec op, proto::TensorSpec output) -> uint32_t;
  /// Adds an operator that makes output `i`.
  auto finish(proto::OperatorSpec op, size_t i = 0) -> Result<>;
  /// Adds an operator that makes all outputs, of float32, and of these shapes where the file leaves
  /// them open.
  auto finish_all(proto::OperatorSpec op, std::vector<std::vector<uint32_t>> const& shapes)
      -> Result<>;
  /// The quantised bytes that input `i` is, or that DEQUANTIZE makes it of.
  auto bytes_behind(size_t i) -> Result<uint32_t>;
  /// A value of the graph.
  auto spec(uint32_t value) const -> proto::TensorSpec const& {
    return lowered_.graph.tensors[value];
  }
  auto fail(size_t input, std::string const& why) const -> Error;  // names the tensor

 private:
  auto quantised(int32_t index, std::vector<TfliteType> const& types) const
      -> Result<TfliteTensor const*>;
  auto tensor_error(int32_t index, std::string const& why) const -> Error;

  TfliteModel const& model_;
  TfliteOperator const& op_;
  Lowered& lowered_;
};

inline auto zero_point(TfliteTensor const& tensor) -> int32_t {
  return static_cast<int32_t>(tensor.zero_points[0]);
}
inline auto real_scale(TfliteTensor const& tensor) -> double {
  return static_cast<double>(tensor.scales[0]);
}

/// Whether a tensor of shape `from` can be repeated along its axes to one of shape `to`.
auto broadcasts(std::vector<uint32_t> const& from, std::vector<uint32_t> const& to) -> bool;

/// The tensor of the compiled graph for one of the file, whose type was checked.
auto tensor_spec(TfliteTensor const& tensor) -> proto::TensorSpec;

auto lower_conv_2d(Lowering& lowering) -> Result<>;
auto lower_depthwise_conv_2d(Lowering& lowering) -> Result<>;
auto lower_fully_connected(Lowering& lowering) -> Result<>;
auto lower_transpose_conv(Lowering& lowering) -> Result<>;
auto lower_add(Lowering& lowering) -> Result<>;
auto lower_sub(Lowering& lowering) -> Result<>;
auto lower_div(Lowering& lowering) -> Result<>;
auto lower_mul(Lowering& lowering) -> Result<>;
auto lower_maximum(Lowering& lowering) -> Result<>;
auto lower_minimum(Lowering& lowering) -> Result<>;
auto lower_squared_difference(Lowering& lowering) -> Result<>;
auto lower_prelu(Lowering& lowering) -> Result<>;
auto lower_average_pool_2d(Lowering& lowering) -> Result<>;
auto lower_max_pool_2d(Lowering& lowering) -> Result<>;
auto lower_pad(Lowering& lowering) -> Result<>;
auto lower_padv2(Lowering& lowering) -> Result<>;
auto lower_mirror_pad(Lowering& lowering) -> Result<>;
auto lower_mean(Lowering& lowering) -> Result<>;
auto lower_sum_of(Lowering& lowering) -> Result<>;
auto lower_reduce_max(Lowering& lowering) -> Result<>;
auto lower_reduce_min(Lowering& lowering) -> Result<>;
auto lower_arg_max(Lowering& lowering) -> Result<>;
auto lower_arg_min(Lowering& lowering) -> Result<>;
auto lower_reshape(Lowering& lowering) -> Result<>;
auto lower_softmax(Lowering& lowering) -> Result<>;
auto lower_log_softmax(Lowering& lowering) -> Result<>;
auto lower_quantize(Lowering& lowering) -> Result<>;
auto lower_dequantize(Lowering& lowering) -> Result<>;
auto lower_cast(Lowering& lowering) -> Result<>;
auto lower_logistic(Lowering& lowering) -> Result<>;
auto lower_tanh(Lowering& lowering) -> Result<>;
auto lower_relu(Lowering& lowering) -> Result<>;
auto lower_relu6(Lowering& lowering) -> Result<>;
auto lower_relu_n1_to_1(Lowering& lowering) -> Result<>;
auto lower_relu_0_to_1(Lowering& lowering) -> Result<>;
auto lower_leaky_relu(Lowering& lowering) -> Result<>;
auto lower_hard_swish(Lowering& lowering) -> Result<>;
auto lower_elu(Lowering& lowering) -> Result<>;
auto lower_exp(Lowering& lowering) -> Result<>;
auto lower_log(Lowering& lowering) -> Result<>;
auto lower_sqrt(Lowering& lowering) -> Result<>;
auto lower_rsqrt(Lowering& lowering) -> Result<>;
auto lower_square(Lowering& lowering) -> Result<>;
auto lower_neg(Lowering& lowering) -> Result<>;
auto lower_abs(Lowering& lowering) -> Result<>;
auto lower_gelu(Lowering& lowering) -> Result<>;
auto lower_comparison(Lowering& lowering) -> Result<>;
auto lower_select(Lowering& lowering) -> Result<>;
auto lower_svdf(Lowering& lowering) -> Result<>;
auto lower_lstm(Lowering& lowering) -> Result<>;
auto lower_transpose(Lowering& lowering) -> Result<>;
auto lower_strided_slice(Lowering& lowering) -> Result<>;
auto lower_slice(Lowering& lowering) -> Result<>;
auto lower_split(Lowering& lowering) -> Result<>;
auto lower_split_v(Lowering& lowering) -> Result<>;
auto lower_unpack(Lowering& lowering) -> Result<>;
auto lower_gather(Lowering& lowering) -> Result<>;
auto lower_gather_nd(Lowering& lowering) -> Result<>;
auto lower_tile(Lowering& lowering) -> Result<>;
auto lower_broadcast_to(Lowering& lowering) -> Result<>;
auto lower_reverse(Lowering& lowering) -> Result<>;
auto lower_space_to_depth(Lowering& lowering) -> Result<>;
auto lower_depth_to_space(Lowering& lowering) -> Result<>;
auto lower_space_to_batch(Lowering& lowering) -> Result<>;
auto lower_batch_to_space(Lowering& lowering) -> Result<>;
auto lower_resize_nearest(Lowering& lowering) -> Result<>;
auto lower_resize_bilinear(Lowering& lowering) -> Result<>;
auto lower_concatenation(Lowering& lowering) -> Result<>;
auto lower_pack(Lowering& lowering) -> Result<>;
auto lower_batch_matmul(Lowering& lowering) -> Result<>;
auto lower_l2_normalization(Lowering& lowering) -> Result<>;
auto lower_detection(Lowering& lowering) -> Result<>;
auto lower_call_once(Lowering& lowering) -> Result<>;
auto lower_var_handle(Lowering& lowering) -> Result<>;
auto lower_read_variable(Lowering& lowering) -> Result<>;
auto lower_assign_variable(Lowering& lowering) -> Result<>;

}  // namespace godwit::compiler
