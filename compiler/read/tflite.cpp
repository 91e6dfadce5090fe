#include "compiler/read/tflite.h"

#include <algorithm>

#include "proto/format/model.h"

namespace godwit::compiler {

namespace {

namespace model_field {
constexpr uint32_t kOperatorCodes = 1, kSubgraphs = 2, kBuffers = 4;
}
namespace code_field {
constexpr uint32_t kDeprecatedCode = 0, kCustomCode = 1, kCode = 3;
}
namespace subgraph_field {
constexpr uint32_t kTensors = 0, kInputs = 1, kOutputs = 2, kOperators = 3;
}
namespace tensor_field {
constexpr uint32_t kShape = 0, kType = 1, kBuffer = 2, kName = 3, kQuantization = 4,
                   kIsVariable = 5, kSparsity = 6, kSignature = 7;
}
namespace quantization_field {
constexpr uint32_t kScale = 2, kZeroPoint = 3, kAxis = 6;
}
namespace operator_field {
constexpr uint32_t kCode = 0, kInputs = 1, kOutputs = 2, kOptions = 4, kCustomOptions = 5;
}

auto element_bits(TfliteType type) -> uint64_t {
  switch (type) {
    case TfliteType::float32:
    case TfliteType::int32:
    case TfliteType::uint32:
      return 32;
    case TfliteType::float16:
    case TfliteType::int16:
    case TfliteType::uint16:
      return 16;
    case TfliteType::int64:
    case TfliteType::uint64:
    case TfliteType::float64:
      return 64;
    case TfliteType::uint8:
    case TfliteType::int8:
    case TfliteType::boolean:
      return 8;
    case TfliteType::int4:
      return 4;
    case TfliteType::string:
      break;
  }
  return 0;  // unknown: its size is not checked, and no operator takes it
}

constexpr size_t kGraphsMax = 64;

/// A shape that cannot be used only matters where an operator uses it.
auto read_shape(Table const& table, TfliteTensor& tensor) -> Result<> {
  TRY(auto const shape, table.numbers<int32_t>(tensor_field::kShape));
  uint64_t elements = shape.size() > proto::kTensorRankMax ? 0 : 1;
  for (int32_t extent : shape) {
    elements *= static_cast<uint32_t>(std::max(extent, 0));
    if (elements > proto::kTensorBytesMax) elements = 0;
    tensor.shape.push_back(static_cast<uint32_t>(std::max(extent, 0)));
  }
  tensor.elements = static_cast<uint32_t>(elements);
  TRY(auto const signature, table.numbers<int32_t>(tensor_field::kSignature));
  bool const open = signature.size() == shape.size() &&
                    std::find(signature.begin(), signature.end(), -1) != signature.end();
  if (open)
    for (int32_t extent : signature) tensor.open.push_back(extent == -1);
  return {};
}

auto read_tensor(Table const& table, std::vector<Table> const& buffers, TfliteTensor& tensor)
    -> Result<> {
  TRY(auto const type, table.number<int8_t>(tensor_field::kType, 0));
  tensor.type = static_cast<TfliteType>(type);
  TRY_VOID(read_shape(table, tensor));
  TRY(auto const variable, table.number<uint8_t>(tensor_field::kIsVariable, 0));
  tensor.variable = variable != 0;
  TRY(auto const sparsity, table.table(tensor_field::kSparsity));
  if (sparsity) return invalid("is stored sparse: convert the model without sparsity encoding");
  TRY(auto const quantization, table.table(tensor_field::kQuantization));
  if (quantization) {
    TRY(tensor.scales, quantization->numbers<float>(quantization_field::kScale));
    TRY(tensor.zero_points, quantization->numbers<int64_t>(quantization_field::kZeroPoint));
    TRY(auto const axis, quantization->number<int32_t>(quantization_field::kAxis, 0));
    tensor.scale_axis = static_cast<uint32_t>(axis);
  }
  TRY(auto const buffer, table.number<uint32_t>(tensor_field::kBuffer, 0));
  if (buffer >= buffers.size()) return corrupt("names a buffer that the file does not have");
  TRY(tensor.data, buffers[buffer].bytes(0));
  uint64_t const bits = element_bits(tensor.type) * tensor.elements;
  if (!tensor.data.empty() && bits > 0 && tensor.data.size() != (bits + 7) / 8)
    return corrupt("has " + std::to_string(tensor.data.size()) +
                   " bytes of data where its shape says " + std::to_string((bits + 7) / 8));
  return {};
}

auto check_indices(std::vector<int32_t> const& indices, size_t count, bool optional) -> Result<> {
  for (int32_t index : indices)
    if (index < (optional ? -1 : 0) || index >= static_cast<int64_t>(count))
      return corrupt("names a tensor that the file does not have");
  return {};
}

auto read_operator(Table const& table, std::vector<Table> const& codes, size_t tensors)
    -> Result<TfliteOperator> {
  TfliteOperator op;
  TRY(auto const index, table.number<uint32_t>(operator_field::kCode, 0));
  if (index >= codes.size()) return corrupt("names an operator code that the file does not have");
  // Codes below 127 were once bytes in another field; the larger of both is meant.
  TRY(auto const old_code, codes[index].number<int8_t>(code_field::kDeprecatedCode, 0));
  TRY(auto const new_code, codes[index].number<int32_t>(code_field::kCode, 0));
  op.code = static_cast<TfliteCode>(std::max<int32_t>(old_code, new_code));
  op.name = tflite_code_name(static_cast<int32_t>(op.code));
  if (op.code == TfliteCode::custom) {
    TRY(auto const custom, codes[index].text(code_field::kCustomCode));
    op.name += " \"" + clean_name(custom) + "\"";
  }
  TRY(op.inputs, table.numbers<int32_t>(operator_field::kInputs));
  TRY(op.outputs, table.numbers<int32_t>(operator_field::kOutputs));
  TRY(op.options, table.table(operator_field::kOptions));
  TRY(op.custom_options, table.bytes(operator_field::kCustomOptions));
  TRY_VOID(check_indices(op.inputs, tensors, true));
  TRY_VOID(check_indices(op.outputs, tensors, false));
  return op;
}

}  // namespace

auto clean_name(std::string_view name) -> std::string {
  std::string out(name.substr(0, 1024));
  for (char& c : out)
    if (c < 0x20 || c > 0x7e) c = '?';
  return out;
}

auto to_string(TfliteType type) -> std::string {
  switch (type) {
    case TfliteType::float32:
      return "float32";
    case TfliteType::float16:
      return "float16";
    case TfliteType::int32:
      return "int32";
    case TfliteType::uint8:
      return "uint8";
    case TfliteType::int64:
      return "int64";
    case TfliteType::string:
      return "string";
    case TfliteType::boolean:
      return "bool";
    case TfliteType::int16:
      return "int16";
    case TfliteType::int8:
      return "int8";
    case TfliteType::float64:
      return "float64";
    case TfliteType::uint64:
      return "uint64";
    case TfliteType::uint32:
      return "uint32";
    case TfliteType::uint16:
      return "uint16";
    case TfliteType::int4:
      return "int4";
  }
  return "type " + std::to_string(static_cast<int>(type));
}

namespace {

auto read_graph(Table const& graph, std::vector<Table> const& codes,
                std::vector<Table> const& buffers) -> Result<TfliteModel> {
  TfliteModel model;
  TRY(auto const tensors, graph.tables(subgraph_field::kTensors));
  if (tensors.size() > proto::kTensorsMax) return invalid("has too many tensors");
  for (size_t i = 0; i < tensors.size(); ++i) {
    auto& tensor = model.tensors.emplace_back();
    TRY(auto const name, tensors[i].text(tensor_field::kName));
    tensor.name = clean_name(name);
    TRY_VOID(read_tensor(tensors[i], buffers, tensor)
                 .within("tensor " + std::to_string(i) + " '" + tensor.name + "'"));
  }
  TRY(auto const operators, graph.tables(subgraph_field::kOperators));
  if (operators.size() > proto::kOperatorsMax) return invalid("has too many operators");
  for (size_t i = 0; i < operators.size(); ++i) {
    TRY(auto op,
        read_operator(operators[i], codes, tensors.size()).within("operator " + std::to_string(i)));
    model.operators.push_back(std::move(op));
  }
  TRY(model.inputs, graph.numbers<int32_t>(subgraph_field::kInputs));
  TRY(model.outputs, graph.numbers<int32_t>(subgraph_field::kOutputs));
  TRY_VOID(check_indices(model.inputs, tensors.size(), false).within("inputs of the graph"));
  TRY_VOID(check_indices(model.outputs, tensors.size(), false).within("outputs of the graph"));
  return model;
}

}  // namespace

auto read_tflite(ByteView file) -> Result<TfliteModel> {
  TRY(auto const root, Table::root(file, "TFL3"));
  TRY(auto const codes, root.tables(model_field::kOperatorCodes));
  TRY(auto const subgraphs, root.tables(model_field::kSubgraphs));
  TRY(auto const buffers, root.tables(model_field::kBuffers));
  if (subgraphs.empty() || subgraphs.size() > kGraphsMax)
    return invalid("has " + std::to_string(subgraphs.size()) +
                   " subgraphs: export the model without control flow, as one graph");
  TRY(auto model, read_graph(subgraphs.front(), codes, buffers));
  for (size_t i = 1; i < subgraphs.size(); ++i) {
    TRY(auto other, read_graph(subgraphs[i], codes, buffers).within("graph " + std::to_string(i)));
    model.others.push_back(std::move(other));
  }
  return model;
}

}  // namespace godwit::compiler
