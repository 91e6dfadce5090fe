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

/// What the lowering of one operator works with.
class Lowering {
 public:
  Lowering(TfliteModel const& model, TfliteOperator const& op, std::vector<uint32_t> const& values,
           std::vector<proto::TensorSpec>& constants)
      : model_(model), op_(op), values_(values), constants_(constants) {}

  auto op() const -> TfliteOperator const& { return op_; }
  /// `invalid` unless the operator has from `inputs_min` to `inputs_max` inputs and one output.
  auto check_count(size_t inputs_min, size_t inputs_max) const -> Result<>;
  auto has_input(size_t i) const -> bool { return i < op_.inputs.size() && op_.inputs[i] >= 0; }
  /// Input or output `i` must exist, be int8 and have one scale and one zero point.
  auto activation(size_t i) const -> Result<TfliteTensor const*>;
  auto output() const -> Result<TfliteTensor const*>;
  /// Input `i` must be a constant of that type.
  auto constant(size_t i, TfliteType type) const -> Result<TfliteTensor const*>;
  /// A constant of int32 or int64, as numbers: axes, paddings.
  auto small_numbers(size_t i) const -> Result<std::vector<int64_t>>;
  auto option_int(uint32_t field, int32_t absent) const -> Result<int32_t>;
  auto option_byte(uint32_t field) const -> Result<int8_t>;
  auto option_float(uint32_t field, float absent) const -> Result<float>;
  auto activation_option(uint32_t field) const -> Result<Activation>;

  /// The number in the compiled graph of input `i`, an activation; constants are added.
  auto value(size_t i) -> Result<uint32_t>;
  /// Adds a constant and gives its number, which `lower` moves behind all activations.
  auto add_constant(proto::TensorSpec tensor) -> uint32_t;
  auto fail(size_t input, std::string const& why) const -> Error;  // names the tensor

 private:
  auto quantised(int32_t index) const -> Result<TfliteTensor const*>;
  auto tensor_error(int32_t index, std::string const& why) const -> Error;

  TfliteModel const& model_;
  TfliteOperator const& op_;
  std::vector<uint32_t> const& values_;
  std::vector<proto::TensorSpec>& constants_;
};

/// Numbers of constants start here until `lower` knows how many activations there are.
constexpr uint32_t kConstantBase = 1u << 30;
constexpr uint32_t kNoValue = UINT32_MAX;

/// An operator without its output, which `lower` adds.
using Lowered = Result<proto::OperatorSpec>;
auto lower_conv_2d(Lowering& lowering) -> Lowered;
auto lower_depthwise_conv_2d(Lowering& lowering) -> Lowered;
auto lower_fully_connected(Lowering& lowering) -> Lowered;
auto lower_add(Lowering& lowering) -> Lowered;
auto lower_average_pool_2d(Lowering& lowering) -> Lowered;
auto lower_max_pool_2d(Lowering& lowering) -> Lowered;
auto lower_pad(Lowering& lowering) -> Lowered;
auto lower_mean(Lowering& lowering) -> Lowered;
auto lower_reshape(Lowering& lowering) -> Lowered;
auto lower_softmax(Lowering& lowering) -> Lowered;

}  // namespace godwit::compiler
