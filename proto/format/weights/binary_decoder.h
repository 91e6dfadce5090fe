// Binary arithmetic decoder: a 32-bit range, carries resolved by the encoder, 16-bit probabilities
// (docs/format-delta.md, "Arithmetic coder").
#pragma once

#include "proto/format/byte_source.h"

namespace godwit::proto::weights {

constexpr uint32_t kRangeMin = 1u << 24;

/// Decodes one segment: `coded_bytes` of the payload. Past them it reads zeros: the encoder leaves
/// trailing zeros away.
template <typename Payload>
class BasicBinaryDecoder {
 public:
  BasicBinaryDecoder(Payload& payload, uint64_t coded_bytes)
      : payload_(payload), left_(coded_bytes) {
    for (int i = 0; i < 4; ++i) code_ = code_ << 8 | next();
  }

  [[gnu::always_inline]] auto bit(bool /*unknown*/, uint32_t p) -> bool {
    auto const bound = static_cast<uint32_t>((uint64_t{range_} * p) >> 16);
    bool const one = code_ < bound;
    // Without a branch: half of the bits of weights cannot be foreseen, by a processor either.
    uint32_t const other = one ? 0u : ~0u;
    code_ -= bound & other;
    range_ = (bound & ~other) | ((range_ - bound) & other);
    while (range_ < kRangeMin) {
      range_ <<= 8;
      code_ = code_ << 8 | next();
    }
    return one;
  }
  /// `count` bits that are each as likely as not, highest first: as many calls of `bit`.
  auto raw(uint32_t /*unknown*/, uint32_t count) -> uint32_t {
    uint32_t value = 0;
    uint32_t range = range_;
    uint32_t code = code_;
    for (; count > 0; --count) {
      uint32_t const bound = range >> 1;
      uint32_t const other = code < bound ? 0u : ~0u;
      code -= bound & other;
      range = bound + (range & 1 & other);
      value = value * 2 + (other + 1);
      if (range >= kRangeMin) continue;
      range <<= 8;
      code = code << 8 | next();
    }
    range_ = range;
    code_ = code;
    return value;
  }
  auto at_end() const -> bool { return left_ == 0; }

 private:
  [[gnu::noinline]] auto next() -> uint32_t {
    if (left_ == 0) return 0;
    --left_;
    return payload_.next();
  }

  Payload& payload_;
  uint64_t left_;
  uint32_t range_ = ~0u;
  uint32_t code_ = 0;
};
using BinaryDecoder = BasicBinaryDecoder<BufferedReader>;

}  // namespace godwit::proto::weights
