// UNIDIRECTIONAL_SEQUENCE_LSTM: what its kernels read. Sixteen units go together; their four gates
// are four blocks of a matrix, one after another.
#pragma once

#include "agent/engine/x86/factor.h"

namespace godwit::engine::x86 {

constexpr int32_t kGates = 4;
constexpr int32_t kTimesTogether = kSumsMax / kGates;  // of which inputs are multiplied at once
constexpr int32_t kTogetherMax = 32;                   // units whose gates are united at once

/// Sigmoid and tanh of magnitudes are one table (sigmoid.cpp), less 2^15: each step's value and the
/// distance to the next one. They lie apart for permutations of words, as pairs for look-ups of 32
/// bits. The last entry is what everything beyond the table becomes.
struct Curve {
  alignas(kMemoryAlignment) int16_t entries[512];

  static constexpr auto place(bool apart, int32_t step, bool distance) -> int32_t {
    return apart ? step + (distance ? 256 : 0) : 2 * step + (distance ? 1 : 0);
  }
};

struct alignas(kMemoryAlignment) Lstm {
  int32_t depth, units;
  int32_t groups;         // of sixteen units
  uint32_t input_at;      // Matrix: weights of the input, biases with them
  uint32_t recurrent_at;  // Matrix: weights of the hidden state
  Curve curve;
  Factor seen[kGates], remembered[kGates];  // of sums of the input, and of the hidden state
  Factor forget, update, output;

  auto input() const -> Matrix const& { return at(input_at); }
  auto recurrent() const -> Matrix const& { return at(recurrent_at); }

 private:
  auto at(uint32_t place) const -> Matrix const& {
    return *reinterpret_cast<Matrix const*>(reinterpret_cast<uint8_t const*>(this) + place);
  }
};

/// Scratch memory, of what `Layout::value_bytes` each activation has.
struct LstmScratch {
  uint64_t gates;   // int16_t: for some times, each gate of all units
  uint64_t cell;    // int16_t: of all units
  uint64_t made;    // int8_t: the new hidden state
  uint64_t hidden;  // the last one, as it is multiplied
  uint64_t rows;    // inputs, likewise
  uint64_t end;
  int32_t units, depth;  // rounded up

  LstmScratch(int32_t depth, int32_t units, int32_t value_bytes);
};

auto lstm_fits(Step const& step) -> bool;
auto lstm_packed_bytes(Step const& step) -> uint64_t;
void lstm_pack(Step const& step, Layout const& layout, uint8_t* packed);
auto lstm_scratch_bytes(Step const& step, Layout const& layout) -> uint64_t;

void lstm_avx512(Step const& step, Layout const& layout, SumGroup sum, void* scratch);
void lstm_avx2(Step const& step, Layout const& layout, SumGroup sum, void* scratch);

}  // namespace godwit::engine::x86
