// The portable sum of weights of four bits, in a file of its own: it alone is worth vectors.
#include "agent/engine/operators/nibbles.h"

namespace godwit::engine {

auto nibble_sum(uint8_t const* weights, int32_t bytes, int8_t const* even, int8_t const* odd)
    -> uint32_t {
  auto const unsigned_nibble = [&](int32_t i, int32_t shift) {
    return static_cast<int16_t>((weights[i] >> shift & 0xf) ^ 8);
  };
  uint32_t sum = 0;
  for (int32_t i = 0; i < bytes; ++i)
    sum += static_cast<uint32_t>(unsigned_nibble(i, 0) * even[i] + unsigned_nibble(i, 4) * odd[i]);
  return sum;
}

}  // namespace godwit::engine
