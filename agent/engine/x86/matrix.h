// The weights of a matrix product as the x86 kernels read them, and what they need to requantise
// its sums. Packed when a model is loaded; docs/engine.md, "x86".
#pragma once

#include "agent/engine/kernel.h"

namespace godwit::engine::x86 {

constexpr int32_t kLanes = 16;    // output channels side by side: a block
constexpr int32_t kDepth = 4;     // values that one instruction multiplies and adds: a step
constexpr int32_t kOffset = 128;  // activations are multiplied as uint8

/// How the sums of a block become outputs. The two roundings of the reference are one, in 64 bits:
///   ((sum << left) * multiplier + round - (negative ? tie : 0)) >> shift
/// for floor(floor(a / 2^31 + 1/2) / 2^r + 1/2) needs one floor only, and what a half away from
/// zero asks of negative values is `tie`. Even and odd channels apart, as 32-bit products come.
struct alignas(kMemoryAlignment) Block {
  int32_t bias[kLanes];  // with what the zero point and the offset of activations add
  int32_t multiplier[kLanes];
  int32_t left[kLanes];
  int64_t round_even[kLanes / 2];
  int64_t round_odd[kLanes / 2];
  int64_t tie_even[kLanes / 2];
  int64_t tie_odd[kLanes / 2];
  int64_t shift_even[kLanes / 2];
  int64_t shift_odd[kLanes / 2];  // less by 32: the result stays in the upper half
};

/// How outputs of a layer are made, beside what each channel has.
struct Finish {
  int32_t zero_point;
  proto::Clamp clamp;
  bool general;  // `left` or `tie` makes a difference: the latter only to negative values, which
                 // an activation function mostly clamps off
};

/// Whether every sum of `depth` products can be requantised by blocks. Holds for all models but
/// those of factors far above 1.
auto fits_blocks(Step const& step, int64_t depth) -> bool;

/// One lane of a block. `weight_sum` is the sum of the channel's weights, `offset` what was added
/// to each activation before they were multiplied.
void set_lane(Block& block, int32_t lane, Channel const& channel, int32_t weight_sum,
              int32_t zero_point, int32_t offset);
/// A lane that is computed but never stored.
void clear_lane(Block& block, int32_t lane);
auto finish_of(Step const& step, proto::Clamp clamp) -> Finish;

/// Where the activations of a row lie: `count` runs of `run_bytes`, each at its own distance from
/// the row's beginning; and where the matching weights are.
struct Runs {
  int32_t count;
  int32_t run_bytes;
  ptrdiff_t channel_stride;  // between the weights of neighbouring channels
  ptrdiff_t depth_stride;    // between those of neighbouring values

  auto steps_per_run() const -> int32_t { return (run_bytes + kDepth - 1) / kDepth; }
  auto steps() const -> int32_t { return count * steps_per_run(); }
};

/// The head of a packed matrix. Groups of up to `width` blocks are multiplied together: their
/// weights lie step by step, in each step block by block, in a block channel by channel.
struct alignas(kMemoryAlignment) Matrix {
  int32_t channels;
  int32_t blocks;
  int32_t width;
  int32_t steps;
  Finish finish;
  uint32_t offsets_at;  // from the head: int32_t[steps], where each step's activations are in a row
  uint32_t blocks_at;   // Block[blocks]
  uint32_t weights_at;

  auto offsets() const { return at<int32_t>(offsets_at); }
  auto block(int32_t i) const { return at<Block>(blocks_at) + i; }
  auto weights(int32_t first_block) const {
    return at<int8_t>(weights_at) + ptrdiff_t{first_block} * steps * kLanes * kDepth;
  }

 private:
  template <typename T>
  auto at(uint32_t place) const -> T const* {
    return reinterpret_cast<T const*>(reinterpret_cast<uint8_t const*>(this) + place);
  }
};

constexpr int32_t kRowsMax = 8;    // multiplied together
constexpr int32_t kRowWidth = 8;   // blocks of a matrix that meets one row only
constexpr int32_t kTileWidth = 4;  // and of one that meets more
constexpr uint64_t kSumsBytes = sizeof(int32_t) * kLanes * kRowsMax * kRowWidth;

auto matrix_bytes(int32_t channels, Runs const& runs) -> uint64_t;
/// `run_offsets` says where each run begins in a row.
void pack_matrix(Step const& step, Finish const& finish, Runs const& runs,
                 int32_t const* run_offsets, int32_t rows, uint8_t* packed);

/// Rows times a matrix: `rows` point at activations (int8); row i goes to output + i * stride.
/// `sums` is scratch memory of kSumsBytes.
using MultiplyRows = void (*)(Matrix const& matrix, int8_t const* const* rows, int32_t count,
                              int8_t* output, ptrdiff_t stride, int32_t* sums);
void multiply_rows_avx512(Matrix const& matrix, int8_t const* const* rows, int32_t count,
                          int8_t* output, ptrdiff_t stride, int32_t* sums);

}  // namespace godwit::engine::x86
