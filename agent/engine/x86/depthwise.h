// Depthwise convolutions of one output a channel: what the instruction sets share, walking and
// packing. Kernels read a padded copy of a strip of lines.
#pragma once

#include "agent/engine/x86/walk.h"

namespace godwit::engine::x86 {

/// How sixteen lanes are filled: by as many neighbouring channels of one column, or, where a pixel
/// has 2, 4 or 8 channels, by all channels of several columns.
struct alignas(kMemoryAlignment) Depthwise {
  int32_t channels;
  int32_t columns;      // of output in a vector
  int32_t blocks;       // vectors that together hold all channels
  int32_t tap_groups;   // of taps of the window that are multiplied together
  bool three_by_three;  // stride 1 or 2 both ways, no dilation: a tap group is a line of the window
  int32_t shifts;       // so many times the weights, each one tap further: for the next columns or
                        // lines of output, which see the same values
  int32_t strip_lines;
  ptrdiff_t pitch;
  Finish finish;
  uint32_t taps_at;     // int32_t: where each tap is
  uint32_t blocks_at;   // Block[blocks]
  uint32_t weights_at;  // int8_t[blocks][shifts][tap_groups][kLanes * kDepth]
  alignas(kMemoryAlignment) uint8_t order[kLanes * kDepth];  // from four taps of sixteen channels

  auto taps() const { return at<int32_t>(taps_at); }
  auto block(int32_t i) const -> Block const& { return at<Block>(blocks_at)[i]; }
  auto weights(int32_t i) const {
    return at<int8_t>(weights_at) + ptrdiff_t{i} * shifts * tap_groups * kLanes * kDepth;
  }

 private:
  template <typename T>
  auto at(uint32_t place) const -> T const* {
    return reinterpret_cast<T const*>(reinterpret_cast<uint8_t const*>(this) + place);
  }
};

auto depthwise_fits(Step const& step, Layout const& layout) -> bool;
auto depthwise_packed_bytes(Step const& step, Layout const& layout) -> uint64_t;
void depthwise_pack(Step const& step, Layout const& layout, uint8_t* packed);
auto depthwise_scratch_bytes(Step const& step, Layout const& layout) -> uint64_t;

/// Computes `lines` lines of output from the copy of what they see.
using DepthwiseStrip = void (*)(Depthwise const& depthwise, Convolution const& conv,
                                void const* copy, int32_t lines, int8_t* output);
void depthwise_run(Step const& step, Layout const& layout, DepthwiseStrip strip, void* scratch,
                   Part part);

void depthwise_strip_avx512(Depthwise const& depthwise, Convolution const& conv, void const* copy,
                            int32_t lines, int8_t* output);
void depthwise_strip_avx2(Depthwise const& depthwise, Convolution const& conv, void const* copy,
                          int32_t lines, int8_t* output);

}  // namespace godwit::engine::x86
