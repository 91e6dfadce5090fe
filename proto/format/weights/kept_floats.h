// Remembers the float32 lists that a block has made: a converter's scales of biases are those of
// the weights times the input's scale (docs/format-delta.md, "Products").
#pragma once

#include <array>
#include <cstdint>

namespace godwit::proto::weights {

/// The product of two normal float32 rounded to the nearest one, of two to the even one, by their
/// bits; 0 where any of the three is not normal. In integers, for every processor's flags differ.
constexpr auto product_of(uint32_t a, uint32_t b) -> uint32_t {
  auto const exponent_of = [](uint32_t v) { return static_cast<int32_t>((v >> 23) & 255); };
  auto const is_normal = [](int32_t exponent) { return exponent > 0 && exponent < 255; };
  if (!is_normal(exponent_of(a)) || !is_normal(exponent_of(b))) return 0;
  constexpr uint32_t kOne = 1u << 23;
  uint64_t const exact = uint64_t{(a & (kOne - 1)) | kOne} * ((b & (kOne - 1)) | kOne);
  uint32_t const shift = exact >> 47 ? 24 : 23;
  int32_t exponent = exponent_of(a) + exponent_of(b) - 127 + static_cast<int32_t>(shift - 23);
  auto mantissa = static_cast<uint32_t>(exact >> shift);
  uint64_t const rest = exact & ((uint64_t{1} << shift) - 1);
  uint64_t const half = uint64_t{1} << (shift - 1);
  mantissa += rest > half || (rest == half && (mantissa & 1));
  if (mantissa == 2 * kOne) {
    mantissa = kOne;
    ++exponent;
  }
  if (!is_normal(exponent)) return 0;
  return ((a ^ b) & 0x80000000u) | static_cast<uint32_t>(exponent) << 23 | (mantissa & (kOne - 1));
}
static_assert(product_of(0x3fc00000, 0x3fc00000) == 0x40100000);  // 1.5 * 1.5 = 2.25
static_assert(product_of(0x3f800001, 0xbf800001) == 0xbf800002);  // rounded down
static_assert(product_of(0x3fffffff, 0x3fffffff) == 0x407ffffe);
static_assert(product_of(0x3f800000, 0x7f800000) == 0);

/// The last kCount of them; `back` of more than there are gives zero.
template <uint32_t kCount>
class KeptFloats {
 public:
  static constexpr uint32_t kRoom = kCount;
  void clear() { made_ = 0; }
  void add(uint32_t bits) { bits_[made_++ % kCount] = bits; }
  auto back(uint32_t distance) const -> uint32_t {
    return distance == 0 || distance > kCount || distance > made_
               ? 0
               : bits_[(made_ - distance) % kCount];
  }

 private:
  uint32_t made_ = 0;
  std::array<uint32_t, kCount> bits_;
};

}  // namespace godwit::proto::weights
