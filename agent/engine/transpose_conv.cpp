// TRANSPOSE_CONV: what a convolution's gradient does. Each output pixel gathers the inputs whose
// windows reach it.
#include <algorithm>

#include "agent/engine/fixed_point.h"
#include "agent/engine/kernel.h"

namespace godwit::engine {

namespace {

struct TransposeConv {
  Step const& step;
  proto::Window window;

  /// The input index whose window puts its tap `tap` on output `at`, or -1.
  static auto source(int32_t at, int32_t pad, int32_t tap, int32_t stride, int32_t count)
      -> int32_t {
    int32_t const from = at + pad - tap;
    if (from < 0 || from % stride != 0 || from / stride >= count) return -1;
    return from / stride;
  }

  void add_tap(int8_t const* pixel, int32_t ky, int32_t kx, uint32_t* sums) const {
    auto const& kernel = step.inputs[1].shape;
    int32_t const zero = step.inputs[0].zero_point;
    int32_t const weight_zero = step.inputs[1].zero_point;
    int32_t const depth = kernel[3];
    for (int32_t o = 0; o < kernel[0]; ++o) {
      int8_t const* const weights =
          step.inputs[1].int8() + ((ptrdiff_t{o} * kernel[1] + ky) * kernel[2] + kx) * depth;
      uint32_t sum = 0;
      for (int32_t c = 0; c < depth; ++c)
        sum += static_cast<uint32_t>((pixel[c] - zero) * (weights[c] - weight_zero));
      sums[o] += sum;
    }
  }

  void gather(int32_t batch, int32_t y, int32_t x, uint32_t* sums) const {
    auto const& in = step.inputs[0].shape;
    auto const& kernel = step.inputs[1].shape;
    std::fill_n(sums, kernel[0], 0u);
    for (int32_t ky = 0; ky < kernel[1]; ++ky) {
      int32_t const from_y = source(y, window.pad_top, ky, window.stride_height, in[1]);
      if (from_y < 0) continue;
      for (int32_t kx = 0; kx < kernel[2]; ++kx) {
        int32_t const from_x = source(x, window.pad_left, kx, window.stride_width, in[2]);
        if (from_x < 0) continue;
        auto const at = (ptrdiff_t{batch} * in[1] + from_y) * in[2] + from_x;
        add_tap(step.inputs[0].int8() + at * in[3], ky, kx, sums);
      }
    }
  }
};

}  // namespace

void transpose_conv(Step const& step, void* scratch) {
  auto const p = step.op.params<proto::TransposeConvParams>();
  auto const& out = step.output().shape;
  auto const channels = step.channels();
  auto* const sums = static_cast<uint32_t*>(scratch);
  TransposeConv const conv{step, p.window};
  int8_t* to = step.output().int8();
  for (int32_t batch = 0; batch < out[0]; ++batch)
    for (int32_t y = 0; y < out[1]; ++y)
      for (int32_t x = 0; x < out[2]; ++x) {
        conv.gather(batch, y, x, sums);
        for (size_t c = 0; c < channels.size(); ++c) {
          auto const channel = channels[c];
          *to++ = static_cast<int8_t>(
              requantise(wrap_add(static_cast<int32_t>(sums[c]), channel.bias), channel.multiplier,
                         step.output().zero_point, p.clamp, step.op.rounding()));
        }
      }
}

}  // namespace godwit::engine
