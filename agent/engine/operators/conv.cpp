// CONV_2D: gathers the inputs under each window into a row, then multiplies rows by weights.
#include <algorithm>

#include "agent/engine/operators/matrix.h"
#include "agent/engine/operators/operators.h"
#include "agent/engine/operators/wide.h"

namespace godwit::engine {

namespace {

struct Conv {
  Input input;
  proto::ConvParams params;
  int32_t kernel_height;
  int32_t kernel_width;

  /// One line of a window. What lies outside the input counts as its zero point: as zero.
  void gather_line(int8_t const* line, int32_t left, int16_t* row) const {
    int32_t const channels = input.shape[3];
    for (int32_t kx = 0; kx < kernel_width; ++kx, row += channels) {
      int32_t const x = left + kx * params.dilation_width;
      if (x < 0 || x >= input.shape[2])
        std::fill_n(row, channels, int16_t{0});
      else
        widen(line + ptrdiff_t{x} * channels, input.zero_point, channels, row);
    }
  }

  void gather(int32_t batch, int32_t out_y, int32_t out_x, int16_t* row) const {
    int32_t const top = out_y * params.window.stride_height - params.window.pad_top;
    int32_t const left = out_x * params.window.stride_width - params.window.pad_left;
    int32_t const height = input.shape[1];
    int32_t const width = input.shape[2];
    int32_t const channels = input.shape[3];
    // Neighbouring pixels lie side by side: a whole line at once.
    bool const solid = params.dilation_width == 1 && left >= 0 && left + kernel_width <= width;
    for (int32_t ky = 0; ky < kernel_height; ++ky, row += kernel_width * channels) {
      int32_t const y = top + ky * params.dilation_height;
      if (y < 0 || y >= height) {
        std::fill_n(row, kernel_width * channels, int16_t{0});
        continue;
      }
      auto const* const line = input.int8() + (ptrdiff_t{batch} * height + y) * width * channels;
      if (solid)
        widen(line + ptrdiff_t{left} * channels, input.zero_point, kernel_width * channels, row);
      else
        gather_line(line, left, row);
    }
  }
};

}  // namespace

void conv_2d(Step const& step, void* scratch) {
  if (step.output().type == proto::TensorType::int16) return wide_matrix(step);
  conv_2d_part(step, scratch, {});
}

[[gnu::noinline, gnu::noclone]] void conv_2d_part(Step const& step, void* scratch, Part part) {
  auto const& weights = step.inputs[1].shape;
  auto const& out = step.output().shape;
  Conv const conv{step.inputs[0], step.op.params<proto::ConvParams>(), weights[1], weights[2]};
  int32_t const depth = weights[1] * weights[2] * weights[3];
  auto* const rows = static_cast<int16_t*>(scratch);
  for (int32_t batch = 0; batch < out[0]; ++batch) {
    int32_t const first = part.begin(out[1]);
    int8_t* output = step.output().int8() + (ptrdiff_t{batch} * out[1] + first) * out[2] * out[3];
    int32_t gathered = 0;
    for (int32_t y = first; y < part.end(out[1]); ++y)
      for (int32_t x = 0; x < out[2]; ++x) {
        conv.gather(batch, y, x, rows + ptrdiff_t{gathered} * depth);
        if (++gathered < kMatrixRows) continue;
        multiply_rows(step, conv.params.clamp, rows, gathered, depth, output);
        output += ptrdiff_t{gathered} * out[3];
        gathered = 0;
      }
    if (gathered) multiply_rows(step, conv.params.clamp, rows, gathered, depth, output);
  }
}

}  // namespace godwit::engine
