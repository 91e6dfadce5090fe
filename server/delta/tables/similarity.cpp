#include "server/delta/tables/similarity.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace godwit::delta {
namespace {

auto little(ByteView bytes, size_t at, size_t count) -> uint32_t {
  uint32_t value = 0;
  for (size_t i = 0; i < count; ++i) value |= uint32_t{bytes[at + i]} << (8 * i);
  return value;
}

/// IEEE half precision, as far as comparing needs it: subnormal numbers count as zero.
auto half(uint32_t bits) -> float {
  uint32_t const exponent = bits >> 10 & 31;
  if (exponent == 0) return 0;
  uint32_t const wide = (bits & 0x8000u) << 16 | (exponent + 112) << 23 | (bits & 0x3ffu) << 13;
  return std::bit_cast<float>(wide);
}

auto weight(ByteView bytes, ElementType type, uint64_t i) -> float {
  auto const at = static_cast<size_t>(i * element_bits(type) / 8);
  switch (type) {
    case ElementType::int8:
      return static_cast<int8_t>(bytes[at]);
    case ElementType::uint8:
      return bytes[at];
    case ElementType::int4: {
      int const code = i % 2 ? bytes[at] >> 4 : bytes[at] & 15;
      return static_cast<float>(code < 8 ? code : code - 16);
    }
    case ElementType::int16:
      return static_cast<int16_t>(little(bytes, at, 2));
    case ElementType::int32:
      return static_cast<float>(static_cast<int32_t>(little(bytes, at, 4)));
    case ElementType::fp16:
      return half(little(bytes, at, 2));
    case ElementType::bf16:
      return std::bit_cast<float>(little(bytes, at, 2) << 16);
    case ElementType::fp32:
      return std::bit_cast<float>(little(bytes, at, 4));
  }
  return 0;
}

}  // namespace

auto sample_weights(ByteView file, TensorSpan const& tensor, size_t count_max, Pages* pages)
    -> std::vector<float> {
  uint64_t const elements = uint64_t{tensor.rows} * tensor.cols;
  auto const count = static_cast<size_t>(std::min<uint64_t>(elements, count_max));
  auto const bytes = file.subspan(static_cast<size_t>(tensor.offset));
  std::vector<float> weights(count);
  for (size_t i = 0; i < count; ++i) {
    float const value = weight(bytes, tensor.type, elements * i / count);
    weights[i] = std::isfinite(value) ? value : 0;
    if (pages) pages->read(size_bytes(tensor) / count);
  }
  return weights;
}

auto correlation(std::vector<float> const& a, std::vector<float> const& b) -> double {
  if (a.size() != b.size() || a.empty()) return 0;
  double sum_a = 0, sum_b = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    sum_a += a[i];
    sum_b += b[i];
  }
  auto const n = static_cast<double>(a.size());
  double aa = 0, bb = 0, ab = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    double const x = a[i] - sum_a / n;
    double const y = b[i] - sum_b / n;
    aa += x * x;
    bb += y * y;
    ab += x * y;
  }
  double const both = std::sqrt(aa) * std::sqrt(bb);
  return both > 0 && std::isfinite(both) ? ab / both : 0;
}

}  // namespace godwit::delta
