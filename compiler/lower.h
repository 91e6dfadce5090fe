// Turns operators of a .tflite graph into operators of a compiled model: checks types and
// quantisation, and computes everything that can be known before running.
#pragma once

#include "compiler/graph.h"
#include "compiler/quantise.h"
#include "compiler/tflite.h"

namespace godwit::compiler {

/// `invalid` with the first operator or tensor that cannot be compiled: which one, why, and what to
/// do about it.
auto lower(TfliteModel const& model) -> Result<Graph>;

/// What has been lowered so far. Numbers of constants and states start at kConstantBase until all
/// activations are known.
constexpr uint32_t kConstantBase = 1u << 30;
constexpr uint32_t kNoValue = UINT32_MAX;
struct Lowered {
  Graph graph;
  std::vector<uint32_t> values;              // of each tensor of the file, its number in the graph
  std::vector<proto::TensorSpec> constants;  // and states
};

/// What the lowering of one operator works with.
class Lowering {
 public:
  Lowering(TfliteModel const& model, TfliteOperator const& op, Lowered& lowered)
      : model_(model), op_(op), lowered_(lowered) {}

  auto op() const -> TfliteOperator const& { return op_; }
  /// `invalid` unless the operator has from `inputs_min` to `inputs_max` inputs and so many
  /// outputs.
  auto check_count(size_t inputs_min, size_t inputs_max, size_t outputs = 1) const -> Result<>;
  auto input_type(size_t i) const -> TfliteType {  // float32, where there is none
    return has_input(i) ? model_.tensors[static_cast<size_t>(op_.inputs[i])].type
                        : TfliteType::float32;
  }
  auto has_input(size_t i) const -> bool { return i < op_.inputs.size() && op_.inputs[i] >= 0; }
  /// Input or output `i` must exist, be int8 and have one scale and one zero point.
  auto activation(size_t i) const -> Result<TfliteTensor const*>;
  auto output() const -> Result<TfliteTensor const*>;
  /// Input or output `i`, of one of these types; quantised unless it is float32 or int32.
  auto activation(size_t i, std::vector<TfliteType> const& types) const
      -> Result<TfliteTensor const*>;
  auto output(size_t i, std::vector<TfliteType> const& types) const -> Result<TfliteTensor const*>;
  /// Input `i` must be a constant of that type.
  auto constant(size_t i, TfliteType type) const -> Result<TfliteTensor const*>;
  /// A constant of int32 or int64, as numbers: axes, paddings.
  auto small_numbers(size_t i) const -> Result<std::vector<int64_t>>;
  auto option_int(uint32_t field, int32_t absent) const -> Result<int32_t>;
  auto option_byte(uint32_t field) const -> Result<int8_t>;
  auto option_float(uint32_t field, float absent) const -> Result<float>;
  auto activation_option(uint32_t field) const -> Result<Activation>;

  /// The number in the compiled graph of input `i`, whose type was checked; constants are added.
  auto value(size_t i) -> Result<uint32_t>;
  /// Adds a constant or a state and gives its number, which `lower` moves behind all activations.
  auto add_constant(proto::TensorSpec tensor) -> uint32_t;
  /// The number of input `i`, a variable of that type: what an operator keeps from row to row.
  auto state(size_t i, TfliteType type) -> Result<uint32_t>;

  /// Adds an operator, which makes a new value of the graph.
  auto add(proto::OperatorSpec op, proto::TensorSpec output) -> uint32_t;
  /// Adds an operator that makes output `i`.
  auto finish(proto::OperatorSpec op, size_t i = 0) -> Result<>;
  auto fail(size_t input, std::string const& why) const -> Error;  // names the tensor

 private:
  auto quantised(int32_t index, std::vector<TfliteType> const& types) const
      -> Result<TfliteTensor const*>;
  auto tensor_error(int32_t index, std::string const& why) const -> Error;

  TfliteModel const& model_;
  TfliteOperator const& op_;
  Lowered& lowered_;
};

/// The tensor of the compiled graph for one of the file, whose type was checked.
auto tensor_spec(TfliteTensor const& tensor) -> proto::TensorSpec;

auto lower_conv_2d(Lowering& lowering) -> Result<>;
auto lower_depthwise_conv_2d(Lowering& lowering) -> Result<>;
auto lower_fully_connected(Lowering& lowering) -> Result<>;
auto lower_add(Lowering& lowering) -> Result<>;
auto lower_average_pool_2d(Lowering& lowering) -> Result<>;
auto lower_max_pool_2d(Lowering& lowering) -> Result<>;
auto lower_pad(Lowering& lowering) -> Result<>;
auto lower_mean(Lowering& lowering) -> Result<>;
auto lower_reshape(Lowering& lowering) -> Result<>;
auto lower_softmax(Lowering& lowering) -> Result<>;
auto lower_quantize(Lowering& lowering) -> Result<>;
auto lower_logistic(Lowering& lowering) -> Result<>;
auto lower_tanh(Lowering& lowering) -> Result<>;
auto lower_svdf(Lowering& lowering) -> Result<>;
auto lower_lstm(Lowering& lowering) -> Result<>;

}  // namespace godwit::compiler
