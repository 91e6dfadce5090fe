// Codes a number whose size is not known beforehand: how many bits it has, one decision for each
// length, and then its bits, of which the first two are modelled (exponential Golomb).
#pragma once

#include <bit>

#include "proto/format/weights/mixing.h"

namespace godwit::proto::weights {

/// Of numbers below 2^kBits - 1.
template <size_t kBits>
class NumberModel {
 public:
  void reset() { *this = NumberModel(); }

  template <typename Coder>
  auto code(Coder& coder, uint64_t number) -> uint64_t {
    uint64_t const plus_one = number + 1;
    auto const length = static_cast<size_t>(std::bit_width(plus_one));
    size_t bits = 1;
    while (bits < kBits && length_[bits - 1].code(coder, bits < length)) ++bits;
    uint64_t value = 1;
    for (size_t i = bits - 1; i-- > 0;) {
      bool const y = (plus_one >> i) & 1;
      bool coded = false;
      if (i + 2 == bits)
        coded = first_[bits - 1].code(coder, y);
      else if (i + 3 == bits)
        coded = second_[bits - 1][value & 1].code(coder, y);
      else
        coded = coder.bit(y, kHalf);
      value = value * 2 + coded;
    }
    return value - 1;
  }

 private:
  static constexpr uint32_t kHalf = 32768;
  std::array<AdaptiveBit, kBits> length_;
  std::array<AdaptiveBit, kBits> first_;
  std::array<std::array<AdaptiveBit, 2>, kBits> second_;
};

/// Signed numbers as unsigned ones: 0, -1, 1, -2, ...
inline auto fold(int64_t v) -> uint64_t {
  return v < 0 ? ~(static_cast<uint64_t>(v) << 1) : static_cast<uint64_t>(v) << 1;
}
inline auto unfold(uint64_t v) -> int64_t {
  return static_cast<int64_t>(v >> 1) ^ -static_cast<int64_t>(v & 1);
}

}  // namespace godwit::proto::weights
