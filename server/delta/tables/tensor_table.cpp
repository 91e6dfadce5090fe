#include "server/delta/tables/tensor_table.h"

#include <algorithm>
#include <array>

#include "server/delta/tables/readers.h"

namespace godwit::delta {
namespace {

struct TypeName {
  std::string_view name;
  ElementType type;
};
constexpr std::array<TypeName, 19> kTypeNames = {{
    {"int8", ElementType::int8},   {"I8", ElementType::int8},       {"uint8", ElementType::uint8},
    {"U8", ElementType::uint8},    {"int4", ElementType::int4},     {"I4", ElementType::int4},
    {"int16", ElementType::int16}, {"I16", ElementType::int16},     {"int32", ElementType::int32},
    {"I32", ElementType::int32},   {"float16", ElementType::fp16},  {"F16", ElementType::fp16},
    {"fp16", ElementType::fp16},   {"bfloat16", ElementType::bf16}, {"BF16", ElementType::bf16},
    {"bf16", ElementType::bf16},   {"float32", ElementType::fp32},  {"F32", ElementType::fp32},
    {"fp32", ElementType::fp32},
}};

auto scales_fit(FileTensor const& tensor, uint64_t file_bytes) -> bool {
  auto const& scales = *tensor.scales;
  if (scales.offset > file_bytes || scales.count > (file_bytes - scales.offset) / 4) return false;
  if (scales.count == 1) return true;
  return scales.axis < tensor.shape.size() && scales.count == tensor.shape[scales.axis];
}

}  // namespace

auto parse_element_type(std::string_view name) -> std::optional<ElementType> {
  for (auto const& type : kTypeNames)
    if (name == type.name) return type.type;
  return std::nullopt;
}

auto FileTensor::elements() const -> uint64_t {
  uint64_t elements = 1;
  for (uint32_t const extent : shape) elements *= extent;
  return elements;
}

auto FileTensor::columns() const -> uint64_t {
  if (shape.size() < 2) return elements();
  if (shape.front() == 1) return shape.back();
  return shape.front() ? elements() / shape.front() : 0;
}

auto FileTensor::span() const -> TensorSpan {
  TensorSpan span{.name = name,
                  .type = type,
                  .offset = offset,
                  .rows = static_cast<uint32_t>(rows()),
                  .cols = static_cast<uint32_t>(columns())};
  bool const by_row = scales && scales->axis == 0 && scales->count == rows();
  if (scales && (scales->count == 1 || by_row))
    span.scales = ScaleSpan{.offset = scales->offset, .count = scales->count};
  return span;
}

auto TableBuilder::add(FileTensor tensor) -> Result<> {
  if (tensors_.size() == kTableTensorsMax) return corrupt("too many tensors");
  if (tensor.shape.size() > kTableRankMax) return corrupt("a tensor of too many dimensions");
  if (tensor.name.size() > kTableNameBytesMax) return corrupt("a tensor of too long a name");
  uint64_t elements = 1;
  for (uint32_t const extent : tensor.shape) {
    if (extent && elements > file_.size() * 8 / extent)
      return corrupt("a tensor larger than its file");
    elements *= extent;
  }
  if (tensor.offset > file_.size() || tensor.bytes > file_.size() - tensor.offset)
    return corrupt("a tensor outside its file");
  if (tensor.bytes != (elements * element_bits(tensor.type) + 7) / 8)
    return corrupt("a tensor whose size does not fit its shape");
  if (tensor.scales && !scales_fit(tensor, file_.size())) tensor.scales.reset();
  if (tensor.bytes > 0) tensors_.push_back(std::move(tensor));
  return {};
}

auto TableBuilder::offset_of(ByteView view) const -> uint64_t {
  return view.empty() ? 0 : static_cast<uint64_t>(view.data() - file_.data());
}

auto TableBuilder::finish(std::string_view kind) && -> TensorTable {
  std::stable_sort(tensors_.begin(), tensors_.end(),
                   [](FileTensor const& a, FileTensor const& b) { return a.offset < b.offset; });
  TensorTable table{.kind = tensors_.empty() ? std::string_view() : kind, .tensors = {}};
  uint64_t end = 0;
  for (auto& tensor : tensors_) {
    if (tensor.offset < end) continue;
    end = tensor.offset + tensor.bytes;
    table.tensors.push_back(std::move(tensor));
  }
  return table;
}

auto read_tensor_table(ByteView file) -> TensorTable {
  using Read = Result<TensorTable> (*)(ByteView);
  for (Read const read :
       {read_compiled_model, read_tflite, read_safetensors, read_onnx, read_bundle}) {
    auto table = read(file);
    if (table) return *std::move(table);
  }
  return {};
}

}  // namespace godwit::delta
