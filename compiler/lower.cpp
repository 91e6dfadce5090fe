#include "compiler/lower.h"

#include <algorithm>

namespace godwit::compiler {

namespace {

struct Row {
  TfliteCode code;
  Lowered (*lower)(Lowering&);
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

auto activation_spec(TfliteTensor const& tensor) -> proto::TensorSpec {
  return {.name = tensor.name,
          .type = proto::TensorType::int8,
          .shape = tensor.shape,
          .scales = tensor.scales,
          .zero_point = static_cast<int32_t>(tensor.zero_points[0])};
}

class GraphLowering {
 public:
  explicit GraphLowering(TfliteModel const& model)
      : model_(model), values_(model.tensors.size(), kNoValue) {}

  auto run() -> Result<Graph> {
    TRY_VOID(check_codes());
    TRY_VOID(add_inputs());
    for (size_t i = 0; i < model_.operators.size(); ++i)
      TRY_VOID(add_operator(model_.operators[i]).within(place(i)));
    TRY_VOID(add_outputs());
    move_constants();
    return std::move(graph_);
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
      TRY(auto const* tensor,
          Lowering(model_, reader, values_, constants_).activation(0).within("input of the graph"));
      auto& value = values_[static_cast<size_t>(index)];
      if (value != kNoValue || !tensor->data.empty())
        return invalid("input of the graph: tensor " + std::to_string(index) +
                       " is named twice or is a constant");
      value = add_activation(*tensor);
    }
    graph_.input_count = static_cast<uint32_t>(graph_.tensors.size());
    return {};
  }

  auto add_operator(TfliteOperator const& op) -> Result<> {
    auto const* const row = find_row(op.code);
    Lowering lowering(model_, op, values_, constants_);
    TRY(auto spec, row->lower(lowering));
    TRY(auto const* output, lowering.output());
    auto& value = values_[static_cast<size_t>(op.outputs[0])];
    if (value != kNoValue || !output->data.empty())
      return invalid("writes tensor " + std::to_string(op.outputs[0]) +
                     ", which has a value already");
    value = add_activation(*output);
    spec.outputs = {value};
    graph_.operators.push_back(std::move(spec));
    return {};
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
      auto const value = values_[static_cast<size_t>(index)];
      if (value == kNoValue)
        return invalid("output of the graph: tensor " + std::to_string(index) +
                       " is computed by no operator");
      graph_.outputs.push_back(value);
    }
    return {};
  }

  auto add_activation(TfliteTensor const& tensor) -> uint32_t {
    graph_.tensors.push_back(activation_spec(tensor));
    return static_cast<uint32_t>(graph_.tensors.size() - 1);
  }

  void move_constants() {
    auto const activations = static_cast<uint32_t>(graph_.tensors.size());
    for (auto& op : graph_.operators)
      for (auto& input : op.inputs)
        if (input >= kConstantBase) input = input - kConstantBase + activations;
    std::move(constants_.begin(), constants_.end(), std::back_inserter(graph_.tensors));
  }

  TfliteModel const& model_;
  std::vector<uint32_t> values_;  // of each tensor of the file, its number in the graph
  std::vector<proto::TensorSpec> constants_;
  Graph graph_;
};

}  // namespace

auto lower(TfliteModel const& model) -> Result<Graph> {
  return GraphLowering(model).run();
}

}  // namespace godwit::compiler
