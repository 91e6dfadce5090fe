#include "server/delta/weights/tensor_numbers.h"

#include <algorithm>

#include "proto/format/weights/tensor_rows.h"

namespace godwit::delta {

namespace weights = proto::weights;

namespace {

/// Of so many numbers of a tensor, so few may differ for it to be tried as bytes.
constexpr uint64_t kSampledValues = 1024;
constexpr ptrdiff_t kFewValues = 256;

}  // namespace

auto element_of(ElementType type) -> weights::Element {
  switch (type) {
    case ElementType::int8:
      return weights::Element::int8;
    case ElementType::uint8:
      return weights::Element::uint8;
    case ElementType::int4:
      return weights::Element::int4;
    case ElementType::int16:
      return weights::Element::int16;
    case ElementType::int32:
      return weights::Element::int32;
    case ElementType::fp16:
      return weights::Element::fp16;
    case ElementType::bf16:
      return weights::Element::bf16;
    case ElementType::fp32:
      return weights::Element::fp32;
  }
  return weights::Element::int8;
}

auto is_float(ElementType type) -> bool {
  return type == ElementType::fp16 || type == ElementType::bf16 || type == ElementType::fp32;
}

auto row_of(ByteView file, TensorSpan const& tensor, uint32_t row) -> ByteView {
  auto const bytes = static_cast<size_t>(size_bytes(tensor) / tensor.rows);
  return file.subspan(static_cast<size_t>(tensor.offset) + row * bytes, bytes);
}

auto has_few_values(ByteView file, TensorSpan const& tensor) -> bool {
  uint32_t const width = element_bits(tensor.type) / 8;
  uint64_t const count = width ? size_bytes(tensor) / width : 0;
  if (width < 2 || count < kSampledValues) return false;
  std::vector<uint32_t> values(kSampledValues);
  for (uint64_t i = 0; i < kSampledValues; ++i)
    values[i] = weights::load(file.subspan(
        static_cast<size_t>(tensor.offset + count * i / kSampledValues * width), width));
  std::sort(values.begin(), values.end());
  return std::unique(values.begin(), values.end()) - values.begin() <= kFewValues;
}

auto codebook_of(ByteView file, TensorSpan const& tensor, Pages& pages) -> std::vector<uint32_t> {
  constexpr size_t kValuesMax = 256;
  std::vector<uint32_t> places;
  auto const form = weights::form_of(element_of(tensor.type));
  for (uint32_t row = 0; row < tensor.rows; ++row) {
    auto const bytes = row_of(file, tensor, row);
    for (size_t j = 0; j < bytes.size(); j += form.bits / 8) {
      uint32_t const place = in_order(form, weights::load(bytes.subspan(j, form.bits / 8)));
      auto const at = std::lower_bound(places.begin(), places.end(), place);
      if (at != places.end() && *at == place) continue;
      if (places.size() == kValuesMax) return {};
      places.insert(at, place);
    }
    pages.read(bytes.size());
  }
  return places;
}

auto trailing_zeros(ByteView file, TensorSpan const& tensor, Pages& pages) -> uint32_t {
  if (!is_float(tensor.type)) return 0;
  uint32_t seen = 0;
  uint32_t const last = weights::form_of(element_of(tensor.type)).mantissa_bits - 1;
  uint32_t const width = element_bits(tensor.type) / 8;
  for (uint32_t row = 0; row < tensor.rows; ++row) {
    auto const bytes = row_of(file, tensor, row);
    for (size_t j = 0; j < bytes.size(); j += width) seen |= weights::load(bytes.subspan(j, width));
    pages.read(bytes.size());
    if (seen & 1) return 0;
  }
  return std::min(static_cast<uint32_t>(std::countr_zero(seen)), last);
}

}  // namespace godwit::delta
