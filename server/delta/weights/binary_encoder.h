// The other side of proto/format/weights/binary_decoder, and a coder that only counts what coding
// would cost.
#pragma once

#include <memory>

#include "proto/format/weights/binary_decoder.h"

namespace godwit::delta {

class BinaryEncoder {
 public:
  [[gnu::always_inline]] auto bit(bool y, uint32_t p) -> bool {
    auto const bound = static_cast<uint32_t>((uint64_t{range_} * p) >> 16);
    uint32_t const other = y ? 0u : ~0u;
    low_ += bound & other;
    range_ = (bound & ~other) | ((range_ - bound) & other);
    while (range_ < proto::weights::kRangeMin) {
      range_ <<= 8;
      emit();
    }
    return y;
  }
  auto raw(uint32_t value, uint32_t count) -> uint32_t {
    for (uint32_t i = count; i-- > 0;) bit((value >> i) & 1, 32768);
    return value;
  }
  /// The coded bytes. Trailing zeros are left away, for the decoder reads zeros past the end.
  auto finish() -> Bytes;

 private:
  [[gnu::noinline]] void emit();
  uint64_t low_ = 0;  // below 2^32, and a carry
  uint32_t range_ = ~0u;
  Bytes out_;
};

class CostCounter {
 public:
  auto bit(bool y, uint32_t p) -> bool {
    bits_ += cost(y ? p : 65536 - p);
    return y;
  }
  auto raw(uint32_t value, uint32_t count) -> uint32_t {
    bits_ += count;
    return value;
  }
  auto bytes() const -> double { return bits_ / 8; }

 private:
  static auto cost(uint32_t p) -> float;
  double bits_ = 0;
};

}  // namespace godwit::delta
