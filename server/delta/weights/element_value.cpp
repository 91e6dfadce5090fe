#include "server/delta/weights/element_value.h"

#include <bit>
#include <cmath>

#include "proto/format/weights/tensor_rows.h"

namespace godwit::delta {
namespace {

auto half_value(uint32_t v) -> float {
  // Exponents of both formats lie 112 apart: a product puts that right, also of subnormal numbers.
  float const size = std::bit_cast<float>((v & 0x7fff) << 13) * 0x1p112f;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(size) | (v & 0x8000) << 16);
}

auto value(ElementType type, ByteView stored, size_t i) -> float {
  using proto::weights::load;
  switch (type) {
    case ElementType::int8:
      return static_cast<int8_t>(stored[i]);
    case ElementType::uint8:
      return static_cast<float>(int32_t{stored[i]} - 128);
    case ElementType::int4: {
      uint32_t const half = (stored[i / 2] >> (i % 2 * 4)) & 15;
      return static_cast<float>(static_cast<int32_t>(half ^ 8) - 8);
    }
    case ElementType::int16:
      return static_cast<int16_t>(load(stored.subspan(i * 2, 2)));
    case ElementType::fp16:
      return half_value(load(stored.subspan(i * 2, 2)));
    case ElementType::bf16:
      return std::bit_cast<float>(load(stored.subspan(i * 2, 2)) << 16);
    case ElementType::int32:
      return static_cast<float>(static_cast<int32_t>(load(stored.subspan(i * 4, 4))));
    case ElementType::fp32:
      return std::bit_cast<float>(load(stored.subspan(i * 4, 4)));
  }
  return 0;
}

}  // namespace

void read_values(ElementType type, ByteView stored, std::span<float> out) {
  if (type == ElementType::int8) {  // by far the most frequent
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<int8_t>(stored[i]);
    return;
  }
  if (type == ElementType::fp16) {
    for (size_t i = 0; i < out.size(); ++i) {
      uint32_t const v = stored[2 * i] | uint32_t{stored[2 * i + 1]} << 8;
      uint32_t const finite = (v & 0x7c00) == 0x7c00 ? 0 : v;
      out[i] = half_value(finite);
    }
    return;
  }
  for (size_t i = 0; i < out.size(); ++i) {
    float const v = value(type, stored, i);
    out[i] = std::isfinite(v) ? v : 0;
  }
}

}  // namespace godwit::delta
