#include "cli/publish/float_weights.h"

#include "server/delta/tables/tensor_table.h"
#include "server/delta/weights/element_value.h"

namespace godwit::cli {

namespace {

using delta::ElementType;
using delta::FileTensor;

auto is_floating(ElementType type) -> bool {
  return type == ElementType::fp16 || type == ElementType::bf16 || type == ElementType::fp32;
}

/// Whether all bits of an exponent are set somewhere: infinities, and what is no number.
auto has_no_numbers(ElementType type, ByteView stored) -> bool {
  size_t const width = delta::element_bits(type) / 8;
  uint16_t const exponent = type == ElementType::fp16 ? 0x7c00 : 0x7f80;
  for (size_t end = width; end <= stored.size(); end += width) {
    auto const top = static_cast<uint16_t>(stored[end - 1] << 8 | stored[end - 2]);
    if ((top & exponent) == exponent) return true;
  }
  return false;
}

auto scale_at(ByteView file, uint64_t offset) -> float {
  float scale = 0;
  delta::read_values(ElementType::fp32, file.subspan(offset, 4), {&scale, 1});
  return scale;
}

/// Codes around a zero point that the tables do not tell of are left out.
auto has_meaning(FileTensor const& tensor) -> bool {
  bool const symmetric = tensor.type == ElementType::int8 || tensor.type == ElementType::int4 ||
                         tensor.type == ElementType::int32;
  return is_floating(tensor.type) || (symmetric && tensor.scales);
}

/// Codes to what they mean: each times the scale of its channel.
void scale_values(ByteView file, FileTensor const& tensor, std::vector<float>& values) {
  auto const& scales = *tensor.scales;
  size_t inner = 1;
  for (size_t d = scales.axis + 1; d < tensor.shape.size(); ++d) inner *= tensor.shape[d];
  for (size_t i = 0; i < values.size(); ++i) {
    size_t const channel = scales.count > 1 ? i / inner % scales.count : 0;
    values[i] *= scale_at(file, scales.offset + 4 * channel);
  }
}

}  // namespace

auto read_float_weights(ByteView file) -> Result<std::vector<compiler::FloatTensor>> {
  auto const table = delta::read_tensor_table(file);
  if (table.kind.empty() || table.kind == "compiled model")
    return invalid(
        "holds no weights that can be read as real numbers: give a .tflite, .onnx or .safetensors "
        "file, best in floating point");
  std::vector<compiler::FloatTensor> weights;
  for (auto const& tensor : table.tensors) {
    if (!has_meaning(tensor)) continue;
    auto const stored = file.subspan(tensor.offset, tensor.bytes);
    if (is_floating(tensor.type) && has_no_numbers(tensor.type, stored))
      return invalid("tensor '" + tensor.name + "' holds what is no number");
    compiler::FloatTensor read{.name = tensor.name,
                               .shape = tensor.shape,
                               .values = std::vector<float>(tensor.elements())};
    delta::read_values(tensor.type, stored, read.values);
    if (tensor.scales) scale_values(file, tensor, read.values);
    weights.push_back(std::move(read));
  }
  return weights;
}

}  // namespace godwit::cli
