#include "compiler/lower.h"

#include <algorithm>

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
    {TfliteCode::add, lower_add},
    {TfliteCode::average_pool_2d, lower_average_pool_2d},
    {TfliteCode::max_pool_2d, lower_max_pool_2d},
    {TfliteCode::pad, lower_pad},
    {TfliteCode::mean, lower_mean},
    {TfliteCode::reshape, lower_reshape},
    {TfliteCode::softmax, lower_softmax},
    {TfliteCode::quantize, lower_quantize},
    {TfliteCode::logistic, lower_logistic},
    {TfliteCode::tanh, lower_tanh},
    {TfliteCode::svdf, lower_svdf},
    {TfliteCode::unidirectional_sequence_lstm, lower_lstm},
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

class GraphLowering {
 public:
  explicit GraphLowering(TfliteModel const& model) : model_(model) {
    lowered_.values.resize(model.tensors.size(), kNoValue);
  }

  auto run() -> Result<Graph> {
    TRY_VOID(check_codes());
    TRY_VOID(add_inputs());
    for (size_t i = 0; i < model_.operators.size(); ++i)
      TRY_VOID(add_operator(model_.operators[i]).within(place(i)));
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
  auto check_codes() const -> Result<> {
    for (size_t i = 0; i < model_.operators.size(); ++i)
      if (!find_row(model_.operators[i].code))
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
    return find_row(op.code)->lower(lowering);
  }

  auto unsupported(TfliteOperator const& op) const -> Error {
    std::string where;
    if (!op.outputs.empty())
      where = " (it makes tensor " + std::to_string(op.outputs[0]) + " '" +
              model_.tensors[static_cast<size_t>(op.outputs[0])].name + "')";
    return invalid("this operator cannot be compiled" + where +
                   "; replace it before converting the model. These can: " + supported());
  }

  auto add_outputs() -> Result<> {
    if (model_.outputs.empty()) return invalid("the graph has no outputs");
    for (int32_t index : model_.outputs) {
      auto const value = lowered_.values[static_cast<size_t>(index)];
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

auto lower(TfliteModel const& model) -> Result<Graph> {
  return GraphLowering(model).run();
}

}  // namespace godwit::compiler
