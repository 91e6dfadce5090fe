// The sums of weights of four bits by instruction set: agent/engine/operators/nibbles.h.
#pragma once

#include <cstdint>

namespace godwit::engine::x86 {

auto nibble_sum_avx2(uint8_t const* weights, int32_t bytes, int8_t const* even, int8_t const* odd)
    -> uint32_t;
auto nibble_sum_avx512(uint8_t const* weights, int32_t bytes, int8_t const* even, int8_t const* odd)
    -> uint32_t;

}  // namespace godwit::engine::x86
