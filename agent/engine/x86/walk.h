// How a convolution is walked: strips of output lines, whose input lines lie in the input itself or
// in a padded copy of them, so that kernels see no border.
#pragma once

#include <algorithm>
#include <cstring>

#include "agent/engine/x86/matrix.h"

namespace godwit::engine::x86 {

constexpr int64_t kStripBytes = 20 << 10;       // activations that stay in the first cache
constexpr int64_t kLargeStripBytes = 96 << 10;  // when the weights do not fit there anyway
constexpr int64_t kLargeWeightsBytes = 32 << 10;
constexpr uint64_t kCopyBytesMax =
    8 << 20;                           // a copy that hostile strides would make larger is not made
constexpr uint64_t kCopyMargin = 128;  // may be read after a copy

struct Convolution {
  Step const& step;
  proto::ConvParams p;
  Shape const& in;
  Shape const& out;
  int32_t kernel_height, kernel_width;

  explicit Convolution(Step const& s)
      : step(s),
        p(s.op.params<proto::ConvParams>()),
        in(s.inputs[0].shape),
        out(s.outputs[0].shape),
        kernel_height(s.inputs[1].shape[1]),
        kernel_width(s.inputs[1].shape[2]) {}

  /// Input lines that so many output lines see, and likewise columns.
  auto window_height(int32_t lines) const -> int32_t {
    return (lines - 1) * p.window.stride_height + (kernel_height - 1) * p.dilation_height + 1;
  }
  auto window_width() const -> int32_t {
    return (out[2] - 1) * p.window.stride_width + (kernel_width - 1) * p.dilation_width + 1;
  }
  /// No window reaches outside the input.
  auto lies_inside() const -> bool {
    return p.window.pad_top == 0 && p.window.pad_left == 0 && window_width() <= in[2] &&
           window_height(out[1]) <= in[1];
  }
  auto strip_lines() const -> int32_t {
    int64_t const target =
        step.inputs[1].size_bytes > kLargeWeightsBytes ? kLargeStripBytes : kStripBytes;
    int64_t const line = int64_t{p.window.stride_height} * in[2] * in[3];
    return static_cast<int32_t>(std::clamp<int64_t>(target / line, 1, out[1]));
  }
  auto copy_pitch() const -> ptrdiff_t { return ptrdiff_t{window_width()} * in[3]; }
  auto copy_bytes(Layout const& layout, int32_t lines) const -> uint64_t {
    return (static_cast<uint64_t>(window_height(lines)) * static_cast<uint64_t>(copy_pitch()) +
            kCopyMargin) *
           static_cast<uint64_t>(layout.value_bytes());
  }
  /// The input line by which output line `y` begins; it may lie before the input.
  auto top(int32_t y) const -> int32_t { return y * p.window.stride_height - p.window.pad_top; }
  auto line(int32_t batch, int32_t y) const -> int8_t const* {
    return step.inputs[0].int8() + (ptrdiff_t{batch} * in[1] + y) * in[2] * in[3];
  }

  /// Copies `lines` input lines from line `first` on, with what the padding around them reads as.
  void copy(Layout const& layout, int32_t batch, int32_t first, int32_t lines, void* to) const;
};

/// An output that is written over the input while the step runs (docs/engine.md, "Overlap"): a
/// strip is written only when all that it and later strips need of the lines below it was copied.
inline auto overlaps(Step const& step) -> bool {
  auto const& in = step.inputs[0];
  auto const& out = step.output();
  return in.place == out.place && in.data < out.data + out.size_bytes &&
         out.data < in.data + in.size_bytes;
}

}  // namespace godwit::engine::x86
