// Layouts that an operator wrote beside a raw file.
#include <map>

#include "proto/json/json.h"
#include "server/delta/tables/readers.h"

namespace godwit::delta {
namespace {

constexpr size_t kLayoutBytesMax = 8u << 20;

auto read_tensor(Json const& json) -> Result<FileTensor> {
  FileTensor tensor;
  TRY(tensor.name, json.get_string("name"));
  TRY(auto const dtype, json.get_string("dtype"));
  auto const type = parse_element_type(dtype);
  if (!type) return invalid("dtype '" + dtype.substr(0, 64) + "' is not known");
  tensor.type = *type;
  TRY(auto const shape, json.get_array("shape"));
  if (shape.size() > kTableRankMax) return invalid("too many dimensions");
  uint64_t elements = 1;
  for (auto const& item : shape.items()) {
    TRY(int64_t const extent, item.as_int());
    if (extent < 0 || extent > UINT32_MAX || elements > (uint64_t{1} << 32))
      return invalid("a shape that no file holds");
    elements *= static_cast<uint64_t>(extent);
    tensor.shape.push_back(static_cast<uint32_t>(extent));
  }
  if (elements > (uint64_t{1} << 32)) return invalid("a shape that no file holds");
  TRY(int64_t const offset, json.get_int("offset"));
  if (offset < 0) return invalid("a negative offset");
  tensor.offset = static_cast<uint64_t>(offset);
  tensor.bytes = (elements * element_bits(*type) + 7) / 8;
  return tensor;
}

}  // namespace

auto read_layout(std::string_view text, ByteView file) -> Result<TensorTable> {
  TRY(auto const json, Json::parse(text, {.bytes_max = kLayoutBytesMax}));
  TRY(auto const items, json.get_array("tensors"));
  std::vector<FileTensor> tensors;
  std::map<std::string, size_t, std::less<>> by_name;
  for (auto const& item : items.items()) {
    auto const place = "tensor " + std::to_string(tensors.size());
    TRY(auto tensor, read_tensor(item).within(place));
    if (!by_name.emplace(tensor.name, tensors.size()).second)
      return invalid(place + ": '" + tensor.name + "' is there twice");
    tensors.push_back(std::move(tensor));
  }
  TableBuilder builder(file);
  for (size_t i = 0; i < tensors.size(); ++i) {
    TRY(auto const scale_name, items.items()[i].get_string_or("scale", ""));
    if (!scale_name.empty()) {
      auto const scale = by_name.find(scale_name);
      if (scale == by_name.end() || tensors[scale->second].type != ElementType::fp32)
        return invalid("'" + tensors[i].name + "': its scale is no float32 tensor of the layout");
      auto const& span = tensors[scale->second];
      tensors[i].scales = TensorScales{
          .offset = span.offset, .count = static_cast<uint32_t>(span.elements()), .axis = 0};
    }
  }
  for (auto& tensor : tensors) {
    auto const name = tensor.name;
    auto added = builder.add(std::move(tensor));
    if (!added) return invalid("'" + name + "': " + added.error().what);
  }
  return std::move(builder).finish("layout");
}

}  // namespace godwit::delta
