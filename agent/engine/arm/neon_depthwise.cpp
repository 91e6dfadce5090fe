// DEPTHWISE_CONV_2D by NEON, eight channels at a time; one output channel for each input channel.
#include <cstring>

#include "agent/engine/arm/neon.h"

namespace godwit::engine::arm {

namespace {

constexpr int32_t kWide = 8;

auto padded_channels(int32_t channels) -> int32_t {
  return (channels + kWide - 1) / kWide * kWide;
}

struct Taps {
  int32_t from, to;  // of the kernel, those that meet the input
};

auto taps_inside(int32_t start, int32_t dilation, int32_t kernel, int32_t size) -> Taps {
  Taps taps{0, kernel};
  while (taps.from < kernel && start + taps.from * dilation < 0) ++taps.from;
  while (taps.to > taps.from && start + (taps.to - 1) * dilation >= size) --taps.to;
  return taps;
}

struct Depthwise {
  Step const& step;
  proto::ConvParams p;
  Shape const& in;
  Shape const& out;
  Shape const& kernel;
  int32_t channels;
  int32_t pitch;  // of the packed weights of a tap
  Block const* blocks;
  int8_t const* weights;
  Finish finish;

  explicit Depthwise(Step const& s)
      : step(s),
        p(s.op.params<proto::ConvParams>()),
        in(s.inputs[0].shape),
        out(s.outputs[0].shape),
        kernel(s.inputs[1].shape),
        channels(out[3]),
        pitch(padded_channels(channels)),
        blocks(reinterpret_cast<Block const*>(s.packed)),
        weights(reinterpret_cast<int8_t const*>(blocks + pitch / kLanes)),
        finish{s.output().zero_point, p.clamp.low, p.clamp.high} {}

  /// Eight channels from `first` on, of one output position.
  GODWIT_INLINE void window(int8_t const* base, Taps ys, Taps xs, int32_t first,
                            int8_t* output) const {
    auto const zero_point = vdupq_n_s16(static_cast<int16_t>(step.inputs[0].zero_point));
    auto low = vdupq_n_s32(0);
    auto high = low;
    for (int32_t ky = ys.from; ky < ys.to; ++ky) {
      auto const* pixel = base + (ptrdiff_t{ky} * p.dilation_height * in[2] +
                                  ptrdiff_t{xs.from} * p.dilation_width) *
                                     in[3];
      auto const* weight = weights + ptrdiff_t{ky * kernel[2] + xs.from} * pitch + first;
      for (int32_t kx = xs.from; kx < xs.to; ++kx) {
        auto const value = vsubq_s16(vmovl_s8(vld1_s8(pixel + first)), zero_point);
        auto const w = vmovl_s8(vld1_s8(weight));
        low = vmlal_s16(low, vget_low_s16(value), vget_low_s16(w));
        high = vmlal_s16(high, vget_high_s16(value), vget_high_s16(w));
        pixel += ptrdiff_t{p.dilation_width} * in[3];
        weight += pitch;
      }
    }
    store(requantised(low, blocks[first / kLanes], finish),
          requantised(high, blocks[first / kLanes + 1], finish), channels - first, output + first);
  }

  void position(int32_t batch, int32_t y, int32_t x, int8_t* output) const {
    int32_t const top = y * p.window.stride_height - p.window.pad_top;
    int32_t const left = x * p.window.stride_width - p.window.pad_left;
    auto const ys = taps_inside(top, p.dilation_height, kernel[1], in[1]);
    auto const xs = taps_inside(left, p.dilation_width, kernel[2], in[2]);
    auto const* const base = step.inputs[0].int8() +
                             ((ptrdiff_t{batch} * in[1] + top) * in[2] + left) * ptrdiff_t{in[3]};
    for (int32_t first = 0; first < channels; first += kWide) window(base, ys, xs, first, output);
  }
};

}  // namespace

auto depthwise_fits(Step const& step) -> bool {
  // Eight channels are read where fewer are left: past an input in the arena lies a margin.
  return step.inputs[0].shape[3] == step.output().shape[3] &&
         step.inputs[0].place == proto::Place::arena;
}

auto depthwise_packed_bytes(Step const& step) -> uint64_t {
  auto const& kernel = step.inputs[1].shape;
  auto const channels = static_cast<uint64_t>(padded_channels(kernel[3]));
  return channels / kLanes * sizeof(Block) +
         channels * static_cast<uint64_t>(kernel[1]) * static_cast<uint64_t>(kernel[2]);
}

void depthwise_pack(Step const& step, uint8_t* packed) {
  auto const& kernel = step.inputs[1].shape;
  int32_t const channels = kernel[3];
  int32_t const pitch = padded_channels(channels);
  std::memset(packed, 0, depthwise_packed_bytes(step));
  auto* const blocks = reinterpret_cast<Block*>(packed);
  auto* out = reinterpret_cast<int8_t*>(blocks + pitch / kLanes);
  uint32_t const nothing[kLanes] = {};  // the zero point is taken off each value
  for (int32_t first = 0; first < pitch; first += kLanes)
    blocks[first / kLanes] = block_of(step, static_cast<size_t>(first), nothing);
  auto const* weights = step.inputs[1].int8();
  for (int32_t tap = 0; tap < kernel[1] * kernel[2]; ++tap, out += pitch, weights += channels)
    std::memcpy(out, weights, static_cast<size_t>(channels));
}

void depthwise_run(Step const& step, void* scratch) {
  depthwise_part(step, scratch, {});
}

void depthwise_part(Step const& step, void*, Part part) {
  Depthwise const depthwise(step);
  auto const& out = depthwise.out;
  for (int32_t batch = 0; batch < out[0]; ++batch) {
    int32_t const first = part.begin(out[1]);
    int8_t* output = step.output().int8() + (ptrdiff_t{batch} * out[1] + first) * out[2] * out[3];
    for (int32_t y = first; y < part.end(out[1]); ++y)
      for (int32_t x = 0; x < out[2]; ++x, output += out[3])
        depthwise.position(batch, y, x, output);
  }
}

}  // namespace godwit::engine::arm
