// The sum of weights of four bits on Arm: agent/engine/operators/nibbles.h.
#pragma once

#include <cstdint>

namespace godwit::engine::arm {

auto nibble_sum_neon(uint8_t const* weights, int32_t bytes, int8_t const* even, int8_t const* odd)
    -> uint32_t;

}  // namespace godwit::engine::arm
