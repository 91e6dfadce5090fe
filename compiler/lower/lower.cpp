#include "compiler/lower/lower.h"

#include <algorithm>

#include "compiler/lower/real.h"
#include "proto/base/limits.h"

namespace godwit::compiler {

namespace {

struct Row {
  TfliteCode code;
  Result<> (*lower)(Lowering&);
};
// The next operator is one row here and one function beside.
constexpr Row kRows[] = {
    {TfliteCode::conv_2d, lower_conv_2d},
    {TfliteCode::depthwise_conv_2d, lower_depthwise_conv_2d},
    {TfliteCode::fully_connected, lower_fully_connected},
    {TfliteCode::transpose_conv, lower_transpose_conv},
    {TfliteCode::add, lower_add},
    {TfliteCode::sub, lower_sub},
    {TfliteCode::mul, lower_mul},
    {TfliteCode::div, lower_div},
    {TfliteCode::maximum, lower_maximum},
    {TfliteCode::minimum, lower_minimum},
    {TfliteCode::squared_difference, lower_squared_difference},
    {TfliteCode::prelu, lower_prelu},
    {TfliteCode::average_pool_2d, lower_average_pool_2d},
    {TfliteCode::max_pool_2d, lower_max_pool_2d},
    {TfliteCode::pad, lower_pad},
    {TfliteCode::padv2, lower_padv2},
    {TfliteCode::mirror_pad, lower_mirror_pad},
    {TfliteCode::mean, lower_mean},
    {TfliteCode::sum, lower_sum_of},
    {TfliteCode::reduce_max, lower_reduce_max},
    {TfliteCode::reduce_min, lower_reduce_min},
    {TfliteCode::arg_max, lower_arg_max},
    {TfliteCode::arg_min, lower_arg_min},
    {TfliteCode::reshape, lower_reshape},
    {TfliteCode::squeeze, lower_reshape},
    {TfliteCode::expand_dims, lower_reshape},
    {TfliteCode::softmax, lower_softmax},
    {TfliteCode::log_softmax, lower_log_softmax},
    {TfliteCode::quantize, lower_quantize},
    {TfliteCode::dequantize, lower_dequantize},
    {TfliteCode::cast, lower_cast},
    {TfliteCode::logistic, lower_logistic},
    {TfliteCode::tanh, lower_tanh},
    {TfliteCode::relu, lower_relu},
    {TfliteCode::relu6, lower_relu6},
    {TfliteCode::relu_n1_to_1, lower_relu_n1_to_1},
    {TfliteCode::relu_0_to_1, lower_relu_0_to_1},
    {TfliteCode::leaky_relu, lower_leaky_relu},
    {TfliteCode::hard_swish, lower_hard_swish},
    {TfliteCode::elu, lower_elu},
    {TfliteCode::exp, lower_exp},
    {TfliteCode::log, lower_log},
    {TfliteCode::sqrt, lower_sqrt},
    {TfliteCode::rsqrt, lower_rsqrt},
    {TfliteCode::square, lower_square},
    {TfliteCode::neg, lower_neg},
    {TfliteCode::abs, lower_abs},
    {TfliteCode::gelu, lower_gelu},
    {TfliteCode::less, lower_comparison},
    {TfliteCode::less_equal, lower_comparison},
    {TfliteCode::greater, lower_comparison},
    {TfliteCode::greater_equal, lower_comparison},
    {TfliteCode::equal, lower_comparison},
    {TfliteCode::not_equal, lower_comparison},
    {TfliteCode::select, lower_select},
    {TfliteCode::select_v2, lower_select},
    {TfliteCode::svdf, lower_svdf},
    {TfliteCode::unidirectional_sequence_lstm, lower_lstm},
    {TfliteCode::transpose, lower_transpose},
    {TfliteCode::strided_slice, lower_strided_slice},
    {TfliteCode::slice, lower_slice},
    {TfliteCode::split, lower_split},
    {TfliteCode::split_v, lower_split_v},
    {TfliteCode::unpack, lower_unpack},
    {TfliteCode::gather, lower_gather},
    {TfliteCode::tile, lower_tile},
    {TfliteCode::broadcast_to, lower_broadcast_to},
    {TfliteCode::reverse_v2, lower_reverse},
    {TfliteCode::space_to_depth, lower_space_to_depth},
    {TfliteCode::depth_to_space, lower_depth_to_space},
    {TfliteCode::space_to_batch_nd, lower_space_to_batch},
    {TfliteCode::batch_to_space_nd, lower_batch_to_space},
    {TfliteCode::resize_nearest_neighbor, lower_resize_nearest},
    {TfliteCode::resize_bilinear, lower_resize_bilinear},
    {TfliteCode::concatenation, lower_concatenation},
    {TfliteCode::pack, lower_pack},
    {TfliteCode::batch_matmul, lower_batch_matmul},
    {TfliteCode::l2_normalization, lower_l2_normalization},
    {TfliteCode::gather_nd, lower_gather_nd},
    {TfliteCode::custom, lower_detection},
    {TfliteCode::call_once, lower_call_once},
    {TfliteCode::var_handle, lower_var_handle},
    {TfliteCode::read_variable, lower_read_variable},
    {TfliteCode::assign_variable, lower_assign_variable},
};

auto find_row(TfliteCode code) -> Row const* {
  for (auto const& row : kRows)
    if (row.code == code) return &row;
  return nullptr;
}

auto supported() -> std::string {
  std::string names;
  for (auto const& row : kRows)
    names += (names.empty() ? "" : ", ") + tflite_code_name(static_cast<int32_t>(row.code));
  return names;
}

/// Types that may enter and leave a graph.
std::vector<TfliteType> const kEdgeTypes = {TfliteType::int8, TfliteType::uint8, TfliteType::int16,
                                            TfliteType::int32, TfliteType::float32};

/// Inputs that give an output's shape, which the file says anyhow: what computes them is not
/// needed.
auto gives_shape(TfliteOperator const& op, size_t input) -> bool {
  switch (op.code) {
    case TfliteCode::reshape:
    case TfliteCode::expand_dims:
    case TfliteCode::tile:
    case TfliteCode::broadcast_to:
    case TfliteCode::resize_nearest_neighbor:
    case TfliteCode::resize_bilinear:
      return input == 1;
    case TfliteCode::transpose_conv:
      return input == 0;
    default:
      return false;
  }
}

/// Operators that an output depends on, or that have an effect beside their outputs.
auto needed_operators(TfliteModel const& model) -> std::vector<bool> {
  std::vector<bool> wanted(model.tensors.size());
  for (int32_t index : model.outputs) wanted[static_cast<size_t>(index)] = true;
  std::vector<bool> needed(model.operators.size());
  for (size_t i = model.operators.size(); i-- > 0;) {
    auto const& op = model.operators[i];
    needed[i] = op.outputs.empty() ||
                std::any_of(op.outputs.begin(), op.outputs.end(),
                            [&](int32_t index) { return wanted[static_cast<size_t>(index)]; });
    if (!needed[i]) continue;
    for (size_t k = 0; k < op.inputs.size(); ++k)
      if (op.inputs[k] >= 0 && !gives_shape(op, k))
        wanted[static_cast<size_t>(op.inputs[k])] = true;
  }
  return needed;
}

class GraphLowering {
 public:
  GraphLowering(TfliteModel const& model, proto::Rounding rounding) : model_(model) {
    lowered_.graph.rounding = rounding;
    lowered_.values.resize(model.tensors.size(), kNoValue);
    lowered_.handles.resize(model.tensors.size());
    lowered_.reals.resize(model.tensors.size());
  }

  auto run() -> Result<Graph> {
    auto const needed = needed_operators(model_);
    TRY_VOID(check_codes(needed));
    TRY_VOID(add_inputs());
    for (size_t i = 0; i < model_.operators.size(); ++i)
      if (needed[i]) TRY_VOID(add_operator(model_.operators[i]).within(place(i)));
    TRY_VOID(add_outputs());
    TRY_VOID(place_states());
    move_constants();
    return std::move(lowered_.graph);
  }

 private:
  auto place(size_t i) const -> std::string {
    return "operator " + std::to_string(i) + " (" + model_.operators[i].name + ")";
  }

  /// Before anything else: an operator that is missing is the news, not its tensors' types.
  auto check_codes(std::vector<bool> const& needed) const -> Result<> {
    for (size_t i = 0; i < model_.operators.size(); ++i)
      if (needed[i] && !find_row(model_.operators[i].code) &&
          !computes_reals(model_.operators[i].code))
        return unsupported(model_.operators[i]).within(place(i));
    return {};
  }

  auto add_inputs() -> Result<> {
    if (model_.inputs.empty()) return invalid("the graph has no inputs");
    for (int32_t index : model_.inputs) {
      // A throw-away operator reads it: the same checks, the same words.
      TfliteOperator const reader{
          .code = {}, .name = {}, .inputs = {index}, .outputs = {}, .options = {}};
      TRY(auto const* tensor, Lowering(model_, reader, lowered_)
                                  .activation(0, kEdgeTypes)
                                  .within("input of the graph"));
      auto& value = lowered_.values[static_cast<size_t>(index)];
      if (value != kNoValue || !tensor->data.empty())
        return invalid("input of the graph: tensor " + std::to_string(index) +
                       " is named twice or is a constant");
      value = static_cast<uint32_t>(lowered_.graph.tensors.size());
      lowered_.graph.tensors.push_back(tensor_spec(*tensor));
    }
    lowered_.graph.input_count = static_cast<uint32_t>(lowered_.graph.tensors.size());
    return {};
  }

  auto add_operator(TfliteOperator const& op) -> Result<> {
    Lowering lowering(model_, op, lowered_);
    TRY(auto const in_island, lower_real_values(lowering));
    if (in_island) return {};
    auto const* const row = find_row(op.code);
    if (!row) return unsupported(op);
    TRY_VOID(row->lower(lowering));
    if (op.code == TfliteCode::dequantize) TRY_VOID(begin_reals(lowering));
    // Operators may share a constant of the file; in a compiled model each has its own.
    if (lowered_.constant_bytes > limits::kModelBytesMax)
      return invalid("the constants up to here are larger than any compiled model may be");
    return {};
  }

  auto unsupported(TfliteOperator const& op) const -> Error {
    std::string where;
    if (!op.outputs.empty())
      where = " (it makes tensor " + std::to_string(op.outputs[0]) + " '" +
              model_.tensors[static_cast<size_t>(op.outputs[0])].name + "')";
    if (computes_reals(op.code))
      return invalid("this operator" + where +
                     " can be compiled only of float32 between DEQUANTIZE and QUANTIZE, where each "
                     "value depends on one or two bytes");
    return invalid("this operator cannot be compiled" + where +
                   "; replace it before converting the model. These can: " + supported());
  }

  auto add_outputs() -> Result<> {
    if (model_.outputs.empty()) return invalid("the graph has no outputs");
    for (int32_t index : model_.outputs) {
      auto value = lowered_.values[static_cast<size_t>(index)];
      if (value == kNoValue && !lowered_.reals[static_cast<size_t>(index)].sources.empty()) {
        TfliteOperator const reader{
            .code = {}, .name = {}, .inputs = {index}, .outputs = {}, .options = {}};
        TRY(value, Lowering(model_, reader, lowered_).value(0));
      }
      if (value == kNoValue || value >= kConstantBase)
        return invalid("output of the graph: tensor " + std::to_string(index) +
                       " is computed by no operator");
      lowered_.graph.outputs.push_back(value);
    }
    return {};
  }

  auto place_states() -> Result<> {
    uint64_t end = 0;
    for (auto& tensor : lowered_.constants) {
      if (!tensor.state) continue;
      tensor.arena_offset = static_cast<uint32_t>(end);
      uint64_t size = proto::element_bytes(tensor.type);
      for (uint32_t extent : tensor.shape) size *= extent;  // bounded when the file was read
      end +=
          (size + proto::kTensorAlignment - 1) / proto::kTensorAlignment * proto::kTensorAlignment;
      if (end > proto::kStateBytesMax) return invalid("the state of the graph is too large");
    }
    lowered_.graph.state_bytes = static_cast<uint32_t>(end);
    return {};
  }

  void move_constants() {
    auto& graph = lowered_.graph;
    auto const activations = static_cast<uint32_t>(graph.tensors.size());
    for (auto& op : graph.operators)
      for (auto& input : op.inputs)
        if (input >= kConstantBase) input = input - kConstantBase + activations;
    std::move(lowered_.constants.begin(), lowered_.constants.end(),
              std::back_inserter(graph.tensors));
  }

  TfliteModel const& model_;
  Lowered lowered_;
};

}  // namespace

auto lower(TfliteModel const& model, proto::Rounding rounding) -> Result<Graph> {
  return GraphLowering(model, rounding).run();
}

}  // namespace godwit::compiler
