// Initializers and constants of ONNX models, found in their Protocol Buffers.
#include <map>

#include "proto/format/protobuf.h"
#include "server/delta/tables/readers.h"

namespace godwit::delta {
namespace {

using proto::protobuf::Field;
using proto::protobuf::Message;
using proto::protobuf::Wire;

// Fields by their number in ONNX's onnx.proto.
constexpr uint32_t kModelIrVersion = 1;
constexpr uint32_t kModelGraph = 7;
constexpr uint32_t kGraphNode = 1;
constexpr uint32_t kGraphInitializer = 5;
constexpr uint32_t kNodeInput = 1;
constexpr uint32_t kNodeOutput = 2;
constexpr uint32_t kNodeOperator = 4;
constexpr uint32_t kNodeAttribute = 5;
constexpr uint32_t kAttributeName = 1;
constexpr uint32_t kAttributeInteger = 3;
constexpr uint32_t kAttributeTensor = 5;
constexpr uint32_t kAttributeGraph = 6;
constexpr uint32_t kAttributeGraphs = 11;
constexpr uint32_t kTensorDims = 1;
constexpr uint32_t kTensorType = 2;
constexpr uint32_t kTensorFloatData = 4;
constexpr uint32_t kTensorName = 8;
constexpr uint32_t kTensorRawData = 9;
constexpr uint32_t kTensorLocation = 14;

constexpr uint64_t kIrVersionMax = 1000;
/// Branches and loops hold graphs of their own, each with its weights.
constexpr int kGraphDepthMax = 8;

auto element_type(uint64_t type) -> std::optional<ElementType> {
  switch (type) {
    case 1:
      return ElementType::fp32;
    case 2:
      return ElementType::uint8;
    case 3:
      return ElementType::int8;
    case 5:
      return ElementType::int16;
    case 6:
      return ElementType::int32;
    case 10:
      return ElementType::fp16;
    case 16:
      return ElementType::bf16;
    case 22:
      return ElementType::int4;
    default:
      return std::nullopt;
  }
}

/// Numbers one by one or packed: writers may choose.
auto add_extents(Field const& field, std::vector<uint32_t>& shape) -> Result<> {
  auto const add = [&](uint64_t extent) -> Result<> {
    if (extent > UINT32_MAX || shape.size() == kTableRankMax) return corrupt("a wrong shape");
    shape.push_back(static_cast<uint32_t>(extent));
    return {};
  };
  if (!field.is_bytes()) return add(field.value);
  Reader packed(field.bytes);
  while (packed.left() > 0) {
    TRY(uint64_t const extent, proto::protobuf::read_number(packed));
    TRY_VOID(add(extent));
  }
  return {};
}

/// Which tensor holds the scales of another, and along which axis.
struct Scaled {
  std::string_view scales;
  uint32_t axis = 0;
};

class OnnxReader {
 public:
  explicit OnnxReader(ByteView file) : builder_(file) {}

  auto read(ByteView file) && -> Result<TensorTable> {
    Message model(file);
    bool versioned = false;
    std::optional<ByteView> graph;
    TRY(auto field, model.next());
    while (field) {
      if (field->number == kModelIrVersion && field->wire == Wire::varint)
        versioned = field->value > 0 && field->value <= kIrVersionMax;
      if (field->number == kModelGraph && field->is_bytes()) graph = field->bytes;
      TRY(field, model.next());
    }
    if (!versioned || !graph) return corrupt("no ONNX model");
    TRY_VOID(read_graph(*graph, 0));
    TRY_VOID(add_tensors());
    return std::move(builder_).finish("onnx");
  }

 private:
  auto read_graph(ByteView bytes, int depth) -> Result<> {
    if (depth > kGraphDepthMax) return corrupt("graphs within graphs");
    Message graph(bytes);
    TRY(auto field, graph.next());
    while (field) {
      if (field->number == kGraphNode && field->is_bytes())
        TRY_VOID(read_node(field->bytes, depth));
      if (field->number == kGraphInitializer && field->is_bytes())
        TRY_VOID(read_tensor(field->bytes, {}));
      TRY(field, graph.next());
    }
    return {};
  }

  /// What attributes of a node hold that is of use here.
  struct Attributes {
    uint32_t axis = 1;  // the default of DequantizeLinear
    std::optional<ByteView> constant;
  };

  auto read_node(ByteView bytes, int depth) -> Result<> {
    Message node(bytes);
    std::vector<std::string_view> inputs;
    std::string_view output;
    std::string_view op;
    Attributes attributes;
    TRY(auto field, node.next());
    while (field) {
      if (field->is_bytes()) {
        if (field->number == kNodeInput && inputs.size() < 8)
          inputs.push_back(as_text(field->bytes));
        if (field->number == kNodeOutput) output = as_text(field->bytes);
        if (field->number == kNodeOperator) op = as_text(field->bytes);
        if (field->number == kNodeAttribute)
          TRY_VOID(read_attribute(field->bytes, attributes, depth));
      }
      TRY(field, node.next());
    }
    if (op == "Constant" && attributes.constant) return read_tensor(*attributes.constant, output);
    if (op == "DequantizeLinear" && inputs.size() >= 2)
      scaled_[inputs[0]] = {.scales = inputs[1], .axis = attributes.axis};
    // x, its scale and zero point, then w and its scale: QLinearConv by output channel.
    if (op == "QLinearConv" && inputs.size() >= 5)
      scaled_[inputs[3]] = {.scales = inputs[4], .axis = 0};
    return {};
  }

  auto read_attribute(ByteView bytes, Attributes& found, int depth) -> Result<> {
    Message attribute(bytes);
    std::string_view name;
    std::optional<uint64_t> number;
    std::optional<ByteView> tensor;
    TRY(auto field, attribute.next());
    while (field) {
      if (field->number == kAttributeName && field->is_bytes()) name = as_text(field->bytes);
      if (field->number == kAttributeInteger && field->wire == Wire::varint) number = field->value;
      if (field->number == kAttributeTensor && field->is_bytes()) tensor = field->bytes;
      bool const graph = field->number == kAttributeGraph || field->number == kAttributeGraphs;
      if (graph && field->is_bytes()) TRY_VOID(read_graph(field->bytes, depth + 1));
      TRY(field, attribute.next());
    }
    if (name == "axis" && number) found.axis = static_cast<uint32_t>(*number);
    if (name == "value" && tensor) found.constant = tensor;
    return {};
  }

  /// Notes the tensor if its data are here, in one piece and little-endian.
  auto read_tensor(ByteView bytes, std::string_view name) -> Result<> {
    Message message(bytes);
    FileTensor tensor;
    std::optional<ElementType> type;
    std::optional<ByteView> data;
    bool elsewhere = false;
    TRY(auto field, message.next());
    while (field) {
      if (field->number == kTensorDims) TRY_VOID(add_extents(*field, tensor.shape));
      if (field->number == kTensorType) type = element_type(field->value);
      if (field->number == kTensorLocation) elsewhere = field->value != 0;
      if (field->number == kTensorName && name.empty()) name = as_text(field->bytes);
      if (field->is_bytes() &&
          (field->number == kTensorRawData || field->number == kTensorFloatData))
        data = field->bytes;
      TRY(field, message.next());
    }
    if (!type || !data || data->empty() || elsewhere) return {};
    if (tensors_.size() == kTableTensorsMax) return corrupt("too many tensors");
    tensor.name = std::string(name.substr(0, kTableNameBytesMax));
    tensor.type = *type;
    tensor.offset = builder_.offset_of(*data);
    tensor.bytes = data->size();
    by_name_[name] = tensors_.size();
    tensors_.push_back(std::move(tensor));
    return {};
  }

  auto add_tensors() -> Result<> {
    for (auto const& [name, scaled] : scaled_) {
      auto const weights = by_name_.find(name);
      auto const scales = by_name_.find(scaled.scales);
      if (weights == by_name_.end() || scales == by_name_.end()) continue;
      auto const& span = tensors_[scales->second];
      if (span.type != ElementType::fp32) continue;
      tensors_[weights->second].scales =
          TensorScales{.offset = span.offset,
                       .count = static_cast<uint32_t>(span.bytes / 4),
                       .axis = scaled.axis};
    }
    for (auto& tensor : tensors_) TRY_VOID(builder_.add(std::move(tensor)));
    return {};
  }

  TableBuilder builder_;
  std::vector<FileTensor> tensors_;
  std::map<std::string_view, size_t> by_name_;
  std::map<std::string_view, Scaled> scaled_;
};

}  // namespace

auto read_onnx(ByteView file) -> Result<TensorTable> {
  return OnnxReader(file).read(file);
}

}  // namespace godwit::delta
