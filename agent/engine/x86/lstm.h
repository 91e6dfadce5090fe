// UNIDIRECTIONAL_SEQUENCE_LSTM: what its kernels read. Sixteen units go together; their four gates
// are four blocks of a matrix, one after another.
#pragma once

#include "agent/engine/x86/matrix.h"

namespace godwit::engine::x86 {

constexpr int32_t kGates = 4;
constexpr int32_t kTimesTogether = kSumsMax / kGates;  // of which inputs are multiplied at once

/// Values and distances to the next value, as look-ups by 32 bits take them: the value is the lower
/// half. The last entry is what everything beyond the table becomes.
struct Curve {
  alignas(kMemoryAlignment) uint32_t steps[256];
};

struct alignas(kMemoryAlignment) Lstm {
  int32_t depth, units;
  int32_t groups;         // of sixteen units
  uint32_t input_at;      // Matrix: weights of the input, biases with them
  uint32_t recurrent_at;  // Matrix: weights of the hidden state
  Curve sigmoid, tanh;
  Block forget, update, output;

  auto input() const -> Matrix const& { return at(input_at); }
  auto recurrent() const -> Matrix const& { return at(recurrent_at); }
  /// Scratch memory: sums, gates of the input for some times, then a copy of the row to multiply.
  auto gates_bytes() const -> uint64_t {
    return static_cast<uint64_t>(kTimesTogether * groups * kGates * kLanes) * sizeof(int16_t);
  }

 private:
  auto at(uint32_t place) const -> Matrix const& {
    return *reinterpret_cast<Matrix const*>(reinterpret_cast<uint8_t const*>(this) + place);
  }
};

auto lstm_fits(Step const& step) -> bool;
auto lstm_packed_bytes(Step const& step) -> uint64_t;
void lstm_pack(Step const& step, uint8_t* packed);
auto lstm_scratch_bytes(Step const& step) -> uint64_t;

void lstm_avx512(Step const& step, void* scratch);

}  // namespace godwit::engine::x86
