#include "server/delta/tensor_map.h"

#include <algorithm>

#include "proto/base/limits.h"

namespace godwit::delta {
namespace {

auto lies_inside(TensorSpan const& tensor, uint64_t file_bytes) -> bool {
  uint64_t const bytes = size_bytes(tensor);
  return bytes > 0 && bytes <= file_bytes && tensor.offset <= file_bytes - bytes;
}

/// Scales are a hint: a tensor whose scales make no sense is a tensor without them.
void check_scales(TensorSpan& tensor, uint64_t file_bytes) {
  if (!tensor.scales) return;
  uint64_t const bytes = uint64_t{4} * tensor.scales->count;
  bool const counts = tensor.scales->count == 1 || tensor.scales->count == tensor.rows;
  if (!counts || bytes > file_bytes || tensor.scales->offset > file_bytes - bytes)
    tensor.scales.reset();
}

auto same_form(TensorSpan const& a, TensorSpan const& b) -> bool {
  return a.type == b.type && a.rows == b.rows && a.cols == b.cols;
}

}  // namespace

auto to_string(ElementType type) -> std::string_view {
  switch (type) {
    case ElementType::int8:
      return "int8";
    case ElementType::uint8:
      return "uint8";
    case ElementType::int4:
      return "int4";
    case ElementType::int16:
      return "int16";
    case ElementType::int32:
      return "int32";
    case ElementType::fp16:
      return "fp16";
    case ElementType::bf16:
      return "bf16";
    case ElementType::fp32:
      return "fp32";
  }
  return "";
}

auto element_bits(ElementType type) -> uint32_t {
  switch (type) {
    case ElementType::int4:
      return 4;
    case ElementType::int8:
    case ElementType::uint8:
      return 8;
    case ElementType::int16:
    case ElementType::fp16:
    case ElementType::bf16:
      return 16;
    case ElementType::int32:
    case ElementType::fp32:
      return 32;
  }
  return 0;
}

auto size_bytes(TensorSpan const& tensor) -> uint64_t {
  uint64_t const row_bits = uint64_t{tensor.cols} * element_bits(tensor.type);
  if (row_bits % 8 != 0 || tensor.rows == 0) return 0;
  if (row_bits / 8 > limits::kModelBytesMax / tensor.rows) return 0;
  return row_bits / 8 * tensor.rows;
}

auto usable_pairs(std::span<TensorPair const> pairs, uint64_t old_bytes, uint64_t new_bytes)
    -> std::vector<TensorPair> {
  std::vector<TensorPair> ordered(pairs.begin(), pairs.end());
  std::stable_sort(ordered.begin(), ordered.end(), [](TensorPair const& a, TensorPair const& b) {
    return a.to.offset < b.to.offset;
  });
  std::vector<TensorPair> usable;
  uint64_t end = 0;
  for (TensorPair& pair : ordered) {
    if (!lies_inside(pair.to, new_bytes) || pair.to.offset < end) continue;
    check_scales(pair.to, new_bytes);
    if (pair.from && !(same_form(*pair.from, pair.to) && lies_inside(*pair.from, old_bytes)))
      pair.from.reset();
    if (pair.from) check_scales(*pair.from, old_bytes);
    end = pair.to.offset + size_bytes(pair.to);
    usable.push_back(std::move(pair));
  }
  return usable;
}

}  // namespace godwit::delta
