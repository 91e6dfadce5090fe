#include "tests/unit/server/delta/tables/files.h"

#include <algorithm>
#include <random>

#include "proto/json/json.h"
#include "server/delta/tables/tensor_table.h"

namespace godwit::delta {
namespace {

void put_number(Bytes& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<uint8_t>(value | 0x80));
  out.push_back(static_cast<uint8_t>(value));
}
void put_field(Bytes& out, uint32_t number, uint64_t value) {
  put_number(out, number << 3);
  put_number(out, value);
}
void put_field(Bytes& out, uint32_t number, ByteView bytes) {
  put_number(out, number << 3 | 2);
  put_number(out, bytes.size());
  out.insert(out.end(), bytes.begin(), bytes.end());
}
void put_field(Bytes& out, uint32_t number, std::string_view text) {
  put_field(out, number, as_bytes(text));
}

auto safetensors_type(ElementType type) -> std::string_view {
  switch (type) {
    case ElementType::int8:
      return "I8";
    case ElementType::fp16:
      return "F16";
    case ElementType::bf16:
      return "BF16";
    default:
      return "F32";
  }
}

auto onnx_type(ElementType type) -> uint64_t {
  switch (type) {
    case ElementType::int8:
      return 3;
    case ElementType::fp16:
      return 10;
    case ElementType::bf16:
      return 16;
    default:
      return 1;
  }
}

}  // namespace

auto made_weights(uint32_t rows, uint32_t cols, uint32_t seed) -> Bytes {
  std::mt19937 random(seed);
  std::vector<int> row_size(rows);
  std::vector<int> col_size(cols);
  for (auto& size : row_size) size = 4 + static_cast<int>(random() % 12);
  for (auto& size : col_size) size = static_cast<int>(random() % 8);
  Bytes weights(size_t{rows} * cols);
  for (size_t i = 0; i < weights.size(); ++i) {
    int const bound = 1 + row_size[i / cols] * col_size[i % cols];
    int const weight = static_cast<int>(random() % static_cast<unsigned>(2 * bound + 1)) - bound;
    weights[i] = static_cast<uint8_t>(weight);
  }
  return weights;
}

auto fine_tuned(Bytes weights, uint32_t seed) -> Bytes {
  std::mt19937 random(seed);
  for (auto& weight : weights)
    if (random() % 4 == 0) weight = static_cast<uint8_t>(weight + (random() % 2 ? 1 : 255));
  return weights;
}

auto int8_tensor(std::string name, uint32_t rows, uint32_t cols, uint32_t seed) -> MadeTensor {
  return {.name = std::move(name),
          .type = ElementType::int8,
          .shape = {rows, cols},
          .bytes = made_weights(rows, cols, seed)};
}

auto safetensors(std::vector<MadeTensor> const& tensors) -> Bytes {
  auto header = Json::object({{"__metadata__", Json::object({{"format", "pt"}})}});
  uint64_t at = 0;
  for (auto const& tensor : tensors) {
    auto shape = Json::array();
    for (uint32_t const extent : tensor.shape) shape.push_back(extent);
    header.set(tensor.name,
               Json::object({{"dtype", safetensors_type(tensor.type)},
                             {"shape", shape},
                             {"data_offsets", Json::array({at, at + tensor.bytes.size()})}}));
    at += tensor.bytes.size();
  }
  auto const text = header.dump();
  Writer writer;
  writer.u64(text.size());
  writer.bytes(as_bytes(text));
  for (auto const& tensor : tensors) writer.bytes(tensor.bytes);
  return std::move(writer).take();
}

auto onnx(std::vector<MadeTensor> const& tensors, OnnxOptions const& options) -> Bytes {
  Bytes graph;
  if (!options.scales_of.empty()) {
    Bytes axis;
    put_field(axis, 1, "axis");
    put_field(axis, 3, uint64_t{0});
    Bytes node;
    put_field(node, 1, options.scales_of);
    put_field(node, 1, options.scales);
    put_field(node, 2, "out");
    put_field(node, 4, "DequantizeLinear");
    put_field(node, 5, axis);
    put_field(graph, 1, node);
  }
  for (auto const& tensor : tensors) {
    Bytes coded;
    Bytes dims;
    for (uint32_t const extent : tensor.shape) put_number(dims, extent);
    if (options.packed_dims) put_field(coded, 1, dims);
    if (!options.packed_dims)
      for (uint32_t const extent : tensor.shape) put_field(coded, 1, uint64_t{extent});
    put_field(coded, 2, onnx_type(tensor.type));
    put_field(coded, 8, tensor.name);
    put_field(coded, 9, tensor.bytes);
    if (options.external) put_field(coded, 14, uint64_t{1});
    put_field(graph, 5, coded);
  }
  if (options.branch) {
    Bytes attribute;
    put_field(attribute, 1, "then_branch");
    put_field(attribute, 6, graph);
    Bytes node;
    put_field(node, 4, "If");
    put_field(node, 5, attribute);
    graph.clear();
    put_field(graph, 1, node);
  }
  Bytes model;
  put_field(model, 1, uint64_t{8});
  put_field(model, 7, graph);
  return model;
}

}  // namespace godwit::delta
