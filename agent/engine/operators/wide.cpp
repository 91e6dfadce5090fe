// What int16 activations need that int8 ones do not: sums of 64 bits, SOFTMAX by tables, and slopes
// where a table of every value would be too large (docs/engine.md, "int16").
#include "agent/engine/operators/wide.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "agent/engine/fixed_point.h"
#include "agent/engine/operators/matrix.h"
#include "agent/engine/operators/operators.h"

namespace godwit::engine {

auto scale_wide(int64_t value, proto::Multiplier m) -> int32_t {
  int32_t const factor = m.value < 0x7fff0000 ? (m.value + (1 << 15)) >> 16 : 0x7fff;
  int32_t const right = 15 - m.shift;
  return static_cast<int32_t>((value * factor + (INT64_C(1) << (right - 1))) >> right);
}

auto wide_output(Step const& step, int64_t sum, size_t channel, proto::Clamp clamp) -> int16_t {
  auto const& bias = step.inputs[2];
  proto::Multiplier const m{step.inputs[3].constant<int32_t>(channel),
                            step.inputs[4].int8()[channel]};
  if (bias.type == proto::TensorType::int32) {
    auto const narrow = static_cast<int32_t>(sum);
    return static_cast<int16_t>(requantise(wrap_add(narrow, bias.constant<int32_t>(channel)), m, 0,
                                           clamp, step.op.rounding()));
  }
  return static_cast<int16_t>(
      std::clamp(scale_wide(sum + bias.constant<int64_t>(channel), m), clamp.low, clamp.high));
}

namespace {

/// A matrix operator as a window that slides over [batch, height, width, depth]. Rows of a fully
/// connected layer are pixels of one line.
struct Windows {
  Step const& step;
  proto::ConvParams params{};
  std::array<int32_t, 4> in{};
  std::array<int32_t, 4> out{};
  int32_t kernel_height = 1;
  int32_t kernel_width = 1;
  ptrdiff_t channel_step;  // between the weights of neighbouring output channels
  ptrdiff_t tap_step;      // between those of neighbouring taps
  int32_t channels_per_tap;
  int32_t outputs_per_input = 0;  // of a depthwise layer

  explicit Windows(Step const& of) : step(of) {
    auto const& weights = step.inputs[1].shape;
    if (step.op.code() == proto::Opcode::fully_connected) {
      auto const clamp = step.op.params<proto::FullyConnectedParams>().clamp;
      int32_t const depth = weights[1];
      int32_t const rows = step.inputs[0].shape.elements / depth;
      params = {{1, 1, 0, 0}, 1, 1, clamp};
      in = {1, 1, rows, depth};
      out = {1, 1, rows, weights[0]};
    } else {
      params = step.op.params<proto::ConvParams>();
      kernel_height = weights[1];
      kernel_width = weights[2];
      for (size_t d = 0; d < 4; ++d) {
        in[d] = step.inputs[0].shape[d];
        out[d] = step.output().shape[d];
      }
    }
    bool const depthwise = step.op.code() == proto::Opcode::depthwise_conv_2d;
    if (depthwise) outputs_per_input = out[3] / in[3];
    channels_per_tap = depthwise ? 1 : in[3];
    tap_step = depthwise ? out[3] : in[3];
    channel_step = depthwise ? 1 : ptrdiff_t{kernel_height} * kernel_width * in[3];
  }

  auto sum(int32_t batch, int32_t out_y, int32_t out_x, int32_t channel) const -> int64_t {
    int32_t const top = out_y * params.window.stride_height - params.window.pad_top;
    int32_t const left = out_x * params.window.stride_width - params.window.pad_left;
    int32_t const first = outputs_per_input ? channel / outputs_per_input : 0;
    int8_t const* weights = step.inputs[1].int8() + channel * channel_step;
    int64_t total = 0;
    // Neighbouring pixels and their weights lie side by side: a whole line of the window at once.
    bool const solid = !outputs_per_input && params.dilation_width == 1 && left >= 0 &&
                       left + kernel_width <= in[2];
    int32_t const taps = solid ? 1 : kernel_width;
    int32_t const together = solid ? kernel_width * channels_per_tap : channels_per_tap;
    for (int32_t ky = 0; ky < kernel_height; ++ky)
      for (int32_t kx = 0; kx < taps; ++kx) {
        int32_t const y = top + ky * params.dilation_height;
        int32_t const x = left + kx * params.dilation_width;
        if (y < 0 || y >= in[1] || x < 0 || x >= in[2]) continue;
        auto const* const pixel =
            step.inputs[0].int16() + ((ptrdiff_t{batch} * in[1] + y) * in[2] + x) * in[3] + first;
        total +=
            wide_dot(pixel, weights + (ptrdiff_t{ky} * kernel_width + kx) * tap_step, together);
      }
    return total;
  }
};

}  // namespace

void wide_matrix(Step const& step) {
  Windows const windows(step);
  int16_t* output = step.output().int16();
  for (int32_t batch = 0; batch < windows.out[0]; ++batch)
    for (int32_t y = 0; y < windows.out[1]; ++y)
      for (int32_t x = 0; x < windows.out[2]; ++x)
        for (int32_t c = 0; c < windows.out[3]; ++c)
          *output++ = wide_output(step, windows.sum(batch, y, x, c), static_cast<size_t>(c),
                                  windows.params.clamp);
}

namespace {

/// 513 values over the whole range of int16, with linear interpolation.
auto look_up(Input const& table, int32_t value) -> int32_t {
  auto const index = static_cast<size_t>(256 + (value >> 7));
  int32_t const base = table.constant<int16_t>(index);
  int32_t const slope = table.constant<int16_t>(index + 1) - base;
  return base + ((slope * (value & 0x7f) + (1 << 6)) >> 7);
}

auto bounded16(int32_t value) -> int32_t {
  return std::clamp<int32_t>(value, std::numeric_limits<int16_t>::min(),
                             std::numeric_limits<int16_t>::max());
}

}  // namespace

void wide_softmax(Step const& step, void*) {
  auto const m = step.op.params<proto::RequantizeParams>().multiplier;
  auto const& shape = step.inputs[0].shape;
  int32_t const count = shape[static_cast<size_t>(shape.rank - 1)];
  auto const* in = step.inputs[0].int16();
  auto* out = step.output().int16();
  for (int32_t row = 0; row < shape.elements; row += count, in += count, out += count) {
    int32_t const highest = *std::max_element(in, in + count);
    uint32_t sum = 0;                      // Q16.15
    for (int32_t i = 0; i < count; ++i) {  // [-65535, 0] stands for [-10, 0]
      int32_t const diff = scale(in[i] - highest, m, step.op.rounding());
      int32_t const power = look_up(step.inputs[1], bounded16(wrap_add(diff, 32767)));
      out[i] = static_cast<int16_t>(power);
      sum += static_cast<uint32_t>(power);
    }
    int32_t const headroom = std::countl_zero(sum);
    auto const fraction =
        static_cast<int32_t>(((int64_t{sum} << (headroom - 1)) + (1 << 13)) >> 14);
    int32_t const inverse = look_up(step.inputs[2], bounded16(fraction - ((1 << 15) + (1 << 16))));
    int32_t const right = 31 - headroom;
    for (int32_t i = 0; i < count; ++i) {
      int64_t const value = (int64_t{out[i]} * inverse + (INT64_C(1) << (right - 1))) >> right;
      out[i] = static_cast<int16_t>(std::clamp<int64_t>(value, 0, 32767));
    }
  }
}

void wide_slopes(Step const& step, void*) {
  auto const p = step.op.params<proto::SlopesParams>();
  auto const& input = step.inputs[0];
  for (int32_t i = 0; i < input.shape.elements; ++i) {
    int32_t const value = input.int16()[i] - input.zero_point;
    step.output().int16()[i] =
        static_cast<int16_t>(requantise(value, value < 0 ? p.negative : p.positive,
                                        step.output().zero_point, p.clamp, step.op.rounding()));
  }
}

}  // namespace godwit::engine
