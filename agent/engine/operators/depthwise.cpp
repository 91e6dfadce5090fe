// DEPTHWISE_CONV_2D: sums all channels of one output position side by side.
#include <algorithm>

#include "agent/engine/fixed_point.h"
#include "agent/engine/operators/operators.h"
#include "agent/engine/operators/wide.h"

namespace godwit::engine {

namespace {

/// An activation less its zero point has nine bits: the product fits in sixteen, of which
/// processors multiply more at once.
auto product(int32_t value, int8_t weight) -> uint32_t {
  return static_cast<uint32_t>(static_cast<int16_t>(value * weight));
}

/// One value times many weights: by eights, which compilers turn into vectors.
void add_products(int32_t value, int8_t const* __restrict weights, int32_t count,
                  uint32_t* __restrict sums) {
  constexpr int32_t kTogether = 8;
  int32_t i = 0;
  for (; i + kTogether <= count; i += kTogether)
    for (int32_t k = 0; k < kTogether; ++k) sums[i + k] += product(value, weights[i + k]);
  for (; i < count; ++i) sums[i] += product(value, weights[i]);
}

/// Of weights with a zero point: products of seventeen bits.
[[gnu::cold]] void add_shifted_tap(int8_t const* pixel, int32_t zero_point, int8_t const* weights,
                                   int32_t weight_zero, int32_t inputs, int32_t multiplier,
                                   uint32_t* sums) {
  for (int32_t c = 0; c < inputs; ++c)
    for (int32_t m = 0; m < multiplier; ++m)
      *sums++ += static_cast<uint32_t>((pixel[c] - zero_point) * (*weights++ - weight_zero));
}

/// Adds one tap of the window; each input channel feeds `multiplier` output channels.
void add_tap(int8_t const* pixel, int32_t zero_point, int8_t const* weights, int32_t weight_zero,
             int32_t inputs, int32_t multiplier, uint32_t* sums) {
  if (weight_zero != 0) {
    add_shifted_tap(pixel, zero_point, weights, weight_zero, inputs, multiplier, sums);
  } else if (multiplier == 1) {
    for (int32_t c = 0; c < inputs; ++c) sums[c] += product(pixel[c] - zero_point, weights[c]);
  } else {
    for (int32_t c = 0; c < inputs; ++c, weights += multiplier, sums += multiplier)
      add_products(pixel[c] - zero_point, weights, multiplier, sums);
  }
}

struct Depthwise {
  Step const& step;
  proto::ConvParams params;

  void sum_window(int32_t batch, int32_t out_y, int32_t out_x, uint32_t* sums) const {
    auto const& input = step.inputs[0];
    auto const& kernel = step.inputs[1].shape;
    int32_t const channels = step.output().shape[3];
    int32_t const multiplier = channels / input.shape[3];
    int32_t const top = out_y * params.window.stride_height - params.window.pad_top;
    int32_t const left = out_x * params.window.stride_width - params.window.pad_left;
    std::fill_n(sums, channels, 0u);
    for (int32_t ky = 0; ky < kernel[1]; ++ky) {
      int32_t const y = top + ky * params.dilation_height;
      if (y < 0 || y >= input.shape[1]) continue;
      auto const* const line =
          input.int8() + (ptrdiff_t{batch} * input.shape[1] + y) * input.shape[2] * input.shape[3];
      auto const* const weights = step.inputs[1].int8() + ptrdiff_t{ky} * kernel[2] * channels;
      for (int32_t kx = 0; kx < kernel[2]; ++kx) {
        int32_t const x = left + kx * params.dilation_width;
        if (x < 0 || x >= input.shape[2]) continue;
        add_tap(line + ptrdiff_t{x} * input.shape[3], input.zero_point,
                weights + ptrdiff_t{kx} * channels, step.inputs[1].zero_point, input.shape[3],
                multiplier, sums);
      }
    }
  }
};

[[gnu::flatten]] void finish(Step const& step, proto::Clamp clamp, uint32_t const* sums,
                             int8_t* output) {
  auto const channels = step.channels();
  auto const rounding = step.op.rounding();
  int32_t const zero_point = step.output().zero_point;
  for (size_t c = 0; c < channels.size(); ++c) {
    auto const channel = channels[c];
    output[c] =
        static_cast<int8_t>(requantise(wrap_add(static_cast<int32_t>(sums[c]), channel.bias),
                                       channel.multiplier, zero_point, clamp, rounding));
  }
}

}  // namespace

void depthwise_conv_2d(Step const& step, void* scratch) {
  if (step.output().type == proto::TensorType::int16) return wide_matrix(step);
  depthwise_conv_2d_part(step, scratch, {});
}

[[gnu::noinline, gnu::noclone]] void depthwise_conv_2d_part(Step const& step, void* scratch,
                                                            Part part) {
  Depthwise const depthwise{step, step.op.params<proto::ConvParams>()};
  auto const& out = step.output().shape;
  auto* const sums = static_cast<uint32_t*>(scratch);
  for (int32_t batch = 0; batch < out[0]; ++batch) {
    int32_t const first = part.begin(out[1]);
    int8_t* output = step.output().int8() + (ptrdiff_t{batch} * out[1] + first) * out[2] * out[3];
    for (int32_t y = first; y < part.end(out[1]); ++y)
      for (int32_t x = 0; x < out[2]; ++x) {
        depthwise.sum_window(batch, y, x, sums);
        finish(step, depthwise.params.clamp, sums, output);
        output += out[3];
      }
  }
}

}  // namespace godwit::engine
