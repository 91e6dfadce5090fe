// TRANSPOSE_CONV: what a convolution's gradient does. Each output pixel gathers the inputs whose
// windows reach it.
#include <algorithm>

#include "agent/engine/fixed_point.h"
#include "agent/engine/operators/operators.h"
#include "agent/engine/operators/wide.h"

namespace godwit::engine {

namespace {

/// Of values T; sums wrap in 32 bits, or fit 64.
template <typename T, typename Sum>
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

  void add_tap(T const* pixel, int32_t ky, int32_t kx, Sum* sums) const {
    auto const& kernel = step.inputs[1].shape;
    int32_t const zero = step.inputs[0].zero_point;
    int32_t const weight_zero = step.inputs[1].zero_point;
    int32_t const depth = kernel[3];
    for (int32_t o = 0; o < kernel[0]; ++o) {
      int8_t const* const weights =
          step.inputs[1].int8() + ((ptrdiff_t{o} * kernel[1] + ky) * kernel[2] + kx) * depth;
      Sum sum = 0;
      for (int32_t c = 0; c < depth; ++c)
        sum += static_cast<Sum>((pixel[c] - zero) * (weights[c] - weight_zero));
      sums[o] += sum;
    }
  }

  void gather(int32_t batch, int32_t y, int32_t x, Sum* sums) const {
    auto const& in = step.inputs[0].shape;
    auto const& kernel = step.inputs[1].shape;
    std::fill_n(sums, kernel[0], Sum{0});
    for (int32_t ky = 0; ky < kernel[1]; ++ky) {
      int32_t const from_y = source(y, window.pad_top, ky, window.stride_height, in[1]);
      if (from_y < 0) continue;
      for (int32_t kx = 0; kx < kernel[2]; ++kx) {
        int32_t const from_x = source(x, window.pad_left, kx, window.stride_width, in[2]);
        if (from_x < 0) continue;
        auto const at = (ptrdiff_t{batch} * in[1] + from_y) * in[2] + from_x;
        add_tap(reinterpret_cast<T const*>(step.inputs[0].data) + at * in[3], ky, kx, sums);
      }
    }
  }
};

template <typename T, typename Sum, typename Finish>
void transpose_conv_of(Step const& step, void* scratch, Finish finish) {
  TransposeConv<T, Sum> const conv{step, step.op.params<proto::TransposeConvParams>().window};
  auto const& out = step.output().shape;
  auto* const sums = static_cast<Sum*>(scratch);
  T* to = reinterpret_cast<T*>(step.output().data);
  for (int32_t batch = 0; batch < out[0]; ++batch)
    for (int32_t y = 0; y < out[1]; ++y)
      for (int32_t x = 0; x < out[2]; ++x) {
        conv.gather(batch, y, x, sums);
        for (size_t c = 0; c < static_cast<size_t>(out[3]); ++c) *to++ = finish(sums[c], c);
      }
}

}  // namespace

auto transpose_conv_scratch(Step const& step) -> uint64_t {
  auto const channels = static_cast<uint64_t>(step.output().shape[3]);
  return channels * (step.output().type == proto::TensorType::int16 ? 8 : 4);
}

void transpose_conv(Step const& step, void* scratch) {
  auto const clamp = step.op.params<proto::TransposeConvParams>().clamp;
  if (step.output().type == proto::TensorType::int16) {
    transpose_conv_of<int16_t, int64_t>(
        step, scratch, [&](int64_t sum, size_t c) { return wide_output(step, sum, c, clamp); });
    return;
  }
  auto const channels = step.channels();
  transpose_conv_of<int8_t, uint32_t>(step, scratch, [&](uint32_t sum, size_t c) {
    auto const channel = channels[c];
    return static_cast<int8_t>(requantise(wrap_add(static_cast<int32_t>(sum), channel.bias),
                                          channel.multiplier, step.output().zero_point, clamp,
                                          step.op.rounding()));
  });
}

}  // namespace godwit::engine
