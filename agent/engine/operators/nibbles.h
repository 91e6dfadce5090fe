// FULLY_CONNECTED_4 and LSTM_4: weights of four bits, two in a byte, taken apart in registers. A
// path brings the sum of a channel; all else is shared (docs/engine.md, "Four bits").
#pragma once

#include "agent/engine/kernel.h"

namespace godwit::engine {

constexpr int32_t kNibbleBytes = 64;  // values are filled up with zeros to multiples of it

/// Of a channel: the sum of values times (weight + 8), which is the nibble with its highest bit
/// turned over. `even` and `odd` are the values of the lower and the higher nibbles. Sums wrap.
using NibbleSum = uint32_t (*)(uint8_t const* weights, int32_t bytes, int8_t const* even,
                               int8_t const* odd);

/// How much room there is for the values of either kind of nibble of so many bytes.
constexpr auto nibble_room(int32_t bytes) -> int32_t {
  return (bytes + kNibbleBytes - 1) / kNibbleBytes * kNibbleBytes;
}
/// Puts `2 * bytes` values where their nibbles want them, filled up with zeros; returns their sum.
auto split_values(int8_t const* values, int32_t bytes, int8_t* even, int8_t* odd) -> uint32_t;
/// The sum of the weights of a channel.
auto sum_of_weights(uint8_t const* weights, int32_t bytes) -> uint32_t;

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

void lstm_4(Step const& step, NibbleSum sum, void* scratch);
void lstm_4(Step const& step, void* scratch);  // portable
auto lstm_4_scratch(Step const& step) -> uint64_t;
/// Of each unit of each gate, for the input and then for the hidden state: as for a channel.
auto lstm_4_packed_bytes(Step const& step) -> uint64_t;
void lstm_4_pack(Step const& step, uint8_t* packed);

template <NibbleSum kSum>
constexpr Kernel kLstm4 = {proto::Opcode::lstm_4,
                           [](Step const& step, void* scratch) { lstm_4(step, kSum, scratch); },
                           lstm_4_scratch, lstm_4_packed_bytes, lstm_4_pack};

}  // namespace godwit::engine
