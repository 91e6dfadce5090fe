// FULLY_CONNECTED_4: weights of four bits, two in a byte as in the file, taken apart in registers.
// A path brings the sum of a channel; all else is shared (docs/engine.md, "Four bits").
#pragma once

#include "agent/engine/kernel.h"

namespace godwit::engine {

constexpr int32_t kNibbleBytes = 64;  // values are filled up with zeros to multiples of it

/// Of a channel: the sum of values times (weight + 8), which is the nibble with its highest bit
/// turned over. `even` and `odd` are the values of the lower and the higher nibbles. Sums wrap.
using NibbleSum = uint32_t (*)(uint8_t const* weights, int32_t bytes, int8_t const* even,
                               int8_t const* odd);

void fully_connected_4(Step const& step, NibbleSum sum, void* scratch);
auto nibble_sum(uint8_t const* weights, int32_t bytes, int8_t const* even, int8_t const* odd)
    -> uint32_t;
void fully_connected_4(Step const& step, void* scratch);  // portable
auto fully_connected_4_scratch(Step const& step) -> uint64_t;
/// Of each channel: its bias, less what the zero point adds to its sum.
auto fully_connected_4_packed_bytes(Step const& step) -> uint64_t;
void fully_connected_4_pack(Step const& step, uint8_t* packed);

template <NibbleSum kSum>
constexpr Kernel kFullyConnected4 = {
    proto::Opcode::fully_connected_4,
    [](Step const& step, void* scratch) { fully_connected_4(step, kSum, scratch); },
    fully_connected_4_scratch, fully_connected_4_packed_bytes, fully_connected_4_pack};

}  // namespace godwit::engine
