// The weights of a matrix product as the Arm kernels read them: four output channels side by side,
// sixteen values of depth at a time. Packed when a model is loaded; docs/engine.md, "Arm".
#pragma once

#include "agent/engine/kernel.h"

namespace godwit::engine::arm {

constexpr int32_t kLanes = 4;   // output channels of a block
constexpr int32_t kDepth = 16;  // values of each that are read together
constexpr int32_t kRows = 4;    // of activations, multiplied together

/// How the sums of four channels become outputs: shifted to the left, times the multiplier,
/// shifted to the right (`right` is negative, as the instruction wants it).
/// Without an alignment of its own: g++ 12 makes room for returned values by no more than eight
/// bytes on 32-bit Arm.
struct Block {
  int32_t bias[kLanes];  // less what the zero point of activations adds
  int32_t multiplier[kLanes];
  int32_t left[kLanes];
  int32_t right[kLanes];
};
/// Channels `first` to `first + 3` of a step; those past the last give nothing that is stored.
/// `weight_sums` are the sums of each channel's weights.
auto block_of(Step const& step, size_t first, uint32_t const* weight_sums) -> Block;

/// Where a step's sums go.
struct Finish {
  int32_t zero_point;
  int32_t low;
  int32_t high;
};

/// The order of sixteen values of four channels: channel by channel; or in eights, two channels
/// beside each other, as matrix multiplication takes them.
enum class Order : uint8_t { channels, pairs };

struct Matrix {
  Block const* blocks;
  int8_t const* weights;
  int32_t channels;
  int32_t depth;  // rounded up to kDepth
  Finish finish;
};

constexpr auto padded(int32_t depth) -> int32_t {
  return (depth + kDepth - 1) / kDepth * kDepth;
}
auto matrix_bytes(int32_t channels, int32_t depth) -> uint64_t;
/// Weight `k` of channel `c` is weights[c * channel_stride + k * depth_stride].
void pack_matrix(Step const& step, Order order, int32_t depth, ptrdiff_t channel_stride,
                 ptrdiff_t depth_stride, uint8_t* packed);
auto matrix_of(Step const& step, int32_t depth, proto::Clamp clamp) -> Matrix;

/// `count` <= kRows rows of matrix.depth values, each pitch after the one before, times a matrix.
/// Values past the real depth may be anything: their weights are zero.
using MultiplyRows = void (*)(Matrix const& matrix, int8_t const* rows, ptrdiff_t pitch,
                              int32_t count, int8_t* output);
void multiply_rows_neon(Matrix const& matrix, int8_t const* rows, ptrdiff_t pitch, int32_t count,
                        int8_t* output);
void multiply_rows_sdot(Matrix const& matrix, int8_t const* rows, ptrdiff_t pitch, int32_t count,
                        int8_t* output);
void multiply_rows_i8mm(Matrix const& matrix, int8_t const* rows, ptrdiff_t pitch, int32_t count,
                        int8_t* output);

auto conv_packed_bytes(Step const& step) -> uint64_t;
void conv_pack(Step const& step, Order order, uint8_t* packed);
auto conv_scratch_bytes(Step const& step) -> uint64_t;
void conv_run(Step const& step, MultiplyRows multiply, void* scratch, Part part);

auto fully_connected_fits(Step const& step) -> bool;
auto fully_connected_packed_bytes(Step const& step) -> uint64_t;
void fully_connected_pack(Step const& step, Order order, uint8_t* packed);
auto fully_connected_scratch_bytes(Step const& step) -> uint64_t;
void fully_connected_run(Step const& step, MultiplyRows multiply, void* scratch);

auto depthwise_fits(Step const& step) -> bool;
auto depthwise_packed_bytes(Step const& step) -> uint64_t;
void depthwise_pack(Step const& step, uint8_t* packed);
void depthwise_run(Step const& step, void* scratch);
void depthwise_part(Step const& step, void* scratch, Part part);

/// An output that is written over the input while the step runs (docs/engine.md, "Overlap").
inline auto overlaps(Step const& step) -> bool {
  auto const& in = step.inputs[0];
  auto const& out = step.output();
  return in.place == out.place && in.data < out.data + out.size_bytes &&
         out.data < in.data + in.size_bytes;
}

}  // namespace godwit::engine::arm
