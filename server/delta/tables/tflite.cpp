// Tensors of .tflite files, found in their FlatBuffers tables.
#include "proto/format/flatbuffer.h"
#include "server/delta/tables/readers.h"

namespace godwit::delta {
namespace {

using proto::flatbuffer::Table;

// Fields by their number in TensorFlow Lite's schema.fbs.
constexpr uint32_t kModelSubgraphs = 2;
constexpr uint32_t kModelBuffers = 4;
constexpr uint32_t kSubgraphTensors = 0;
constexpr uint32_t kTensorShape = 0;
constexpr uint32_t kTensorType = 1;
constexpr uint32_t kTensorBuffer = 2;
constexpr uint32_t kTensorName = 3;
constexpr uint32_t kTensorQuantization = 4;
constexpr uint32_t kTensorSparsity = 6;
constexpr uint32_t kQuantizationScale = 2;
constexpr uint32_t kQuantizationAxis = 6;
constexpr uint32_t kBufferData = 0;

auto element_type(int8_t type) -> std::optional<ElementType> {
  switch (type) {
    case 0:
      return ElementType::fp32;
    case 1:
      return ElementType::fp16;
    case 2:
      return ElementType::int32;
    case 3:
      return ElementType::uint8;
    case 7:
      return ElementType::int16;
    case 9:
      return ElementType::int8;
    case 17:
      return ElementType::int4;
    case 18:
      return ElementType::bf16;
    default:
      return std::nullopt;
  }
}

auto read_shape(Table const& tensor) -> Result<std::vector<uint32_t>> {
  TRY(auto const extents, tensor.bytes_of<int32_t>(kTensorShape));
  if (extents.size() > kTableRankMax * sizeof(int32_t)) return corrupt("too many dimensions");
  TRY(auto const values, tensor.numbers<int32_t>(kTensorShape));
  std::vector<uint32_t> shape;
  for (int32_t const extent : values) {
    if (extent < 0) return corrupt("a negative extent");
    shape.push_back(static_cast<uint32_t>(extent));
  }
  return shape;
}

auto read_scales(TableBuilder const& builder, Table const& tensor)
    -> Result<std::optional<TensorScales>> {
  TRY(auto const quantization, tensor.table(kTensorQuantization));
  if (!quantization) return std::optional<TensorScales>();
  TRY(auto const scales, quantization->bytes_of<float>(kQuantizationScale));
  TRY(auto const axis, quantization->number<int32_t>(kQuantizationAxis, 0));
  if (scales.empty() || axis < 0) return std::optional<TensorScales>();
  return std::optional(TensorScales{.offset = builder.offset_of(scales),
                                    .count = static_cast<uint32_t>(scales.size() / 4),
                                    .axis = static_cast<uint32_t>(axis)});
}

/// The scales of channels are a list of float32 themselves.
auto add_scales(TableBuilder& builder, FileTensor const& tensor) -> Result<> {
  if (!tensor.scales || tensor.scales->count < 2) return {};
  return builder.add({.name = tensor.name + ":scales",
                      .type = ElementType::fp32,
                      .shape = {tensor.scales->count},
                      .offset = tensor.scales->offset,
                      .bytes = uint64_t{4} * tensor.scales->count,
                      .scales = {}});
}

/// Adds the tensor if its data lie in the file as its type and shape say.
auto add_tensor(TableBuilder& builder, Table const& tensor, std::vector<Table> const& buffers)
    -> Result<> {
  TRY(auto const index, tensor.number<uint32_t>(kTensorBuffer, 0));
  if (index >= buffers.size()) return corrupt("no such buffer");
  TRY(auto const data, buffers[index].bytes(kBufferData));
  TRY(auto const code, tensor.number<int8_t>(kTensorType, 0));
  auto const type = element_type(code);
  TRY(auto const sparsity, tensor.table(kTensorSparsity));
  if (data.empty() || !type) return {};
  FileTensor found;
  TRY(auto const name, tensor.text(kTensorName));
  found.name = std::string(name.substr(0, kTableNameBytesMax));
  found.type = *type;
  found.offset = builder.offset_of(data);
  found.bytes = data.size();
  if (sparsity) {  // only what is not zero, one after the other: its rows are of any length
    found.shape = {static_cast<uint32_t>(data.size() * 8 / element_bits(*type))};
    return builder.add(std::move(found));
  }
  TRY(found.shape, read_shape(tensor));
  TRY(found.scales, read_scales(builder, tensor));
  TRY_VOID(add_scales(builder, found));
  return builder.add(std::move(found));
}

}  // namespace

auto read_tflite(ByteView file) -> Result<TensorTable> {
  TRY(auto const root, Table::root(file, "TFL3"));
  TRY(auto const subgraphs, root.tables(kModelSubgraphs, kTableTensorsMax));
  TRY(auto const buffers, root.tables(kModelBuffers, 2 * kTableTensorsMax));
  TableBuilder builder(file);
  size_t seen = 0;
  for (auto const& subgraph : subgraphs) {
    TRY(auto const tensors, subgraph.tables(kSubgraphTensors, kTableTensorsMax));
    // Subgraphs of a hostile file may all name the same large vector.
    seen += tensors.size() + 1;
    if (seen > kTableTensorsMax) return corrupt("too many tensors");
    for (auto const& tensor : tensors) TRY_VOID(add_tensor(builder, tensor, buffers));
  }
  return std::move(builder).finish("tflite");
}

}  // namespace godwit::delta
