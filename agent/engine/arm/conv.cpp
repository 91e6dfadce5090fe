// CONV_2D and FULLY_CONNECTED on Arm: windows are gathered into rows of int8, a few at a time,
// unless they lie in the input as rows already; each instruction set brings its own product.
#include <algorithm>
#include <cstring>

#include "agent/engine/arm/matrix.h"

namespace godwit::engine::arm {

namespace {

struct Conv {
  Input const& input;
  Shape const& in;
  Shape const& out;
  proto::ConvParams p;
  int32_t kernel_height, kernel_width;
  int32_t depth;

  explicit Conv(Step const& step)
      : input(step.inputs[0]),
        in(input.shape),
        out(step.outputs[0].shape),
        p(step.op.params<proto::ConvParams>()),
        kernel_height(step.inputs[1].shape[1]),
        kernel_width(step.inputs[1].shape[2]),
        depth(kernel_height * kernel_width * in[3]) {}

  /// Each window is one pixel, and they are the input's pixels in order.
  auto is_pointwise() const -> bool {
    return kernel_height == 1 && kernel_width == 1 && p.window.stride_height == 1 &&
           p.window.stride_width == 1 && p.window.pad_top == 0 && p.window.pad_left == 0 &&
           out[1] == in[1] && out[2] == in[2] && depth % kDepth == 0;
  }

  void gather(int32_t batch, int32_t out_y, int32_t out_x, int8_t* row) const {
    int32_t const top = out_y * p.window.stride_height - p.window.pad_top;
    int32_t const left = out_x * p.window.stride_width - p.window.pad_left;
    size_t const pixel = static_cast<size_t>(in[3]);
    bool const solid = p.dilation_width == 1 && left >= 0 && left + kernel_width <= in[2];
    for (int32_t ky = 0; ky < kernel_height; ++ky, row += kernel_width * in[3]) {
      int32_t const y = top + ky * p.dilation_height;
      bool const outside = y < 0 || y >= in[1];
      if (outside) {
        std::memset(row, input.zero_point, pixel * static_cast<size_t>(kernel_width));
        continue;
      }
      auto const* const line = input.int8() + (ptrdiff_t{batch} * in[1] + y) * in[2] * in[3];
      if (solid) {
        std::memcpy(row, line + ptrdiff_t{left} * in[3], pixel * static_cast<size_t>(kernel_width));
        continue;
      }
      for (int32_t kx = 0; kx < kernel_width; ++kx) {
        int32_t const x = left + kx * p.dilation_width;
        if (x < 0 || x >= in[2])
          std::memset(row + kx * in[3], input.zero_point, pixel);
        else
          std::memcpy(row + kx * in[3], line + ptrdiff_t{x} * in[3], pixel);
      }
    }
  }
};

auto fully_connected_depth(Step const& step) -> int32_t {
  return step.inputs[1].shape[1];
}

/// Rows that lie one after another, without gaps.
void multiply_all(Matrix const& matrix, MultiplyRows multiply, int8_t const* rows, int32_t count,
                  int8_t* output) {
  for (int32_t row = 0; row < count; row += kRows) {
    multiply(matrix, rows, matrix.depth, std::min(kRows, count - row), output);
    rows += ptrdiff_t{kRows} * matrix.depth;
    output += ptrdiff_t{kRows} * matrix.channels;
  }
}

/// Lines of pixels that are rows already. Over its own input one line at a time: rows are read
/// again for each block of channels.
void multiply_lines(Step const& step, Matrix const& matrix, MultiplyRows multiply,
                    int8_t const* input, int32_t lines, int8_t* output) {
  int32_t const width = step.output().shape[2];
  int32_t const together = overlaps(step) ? 1 : lines;
  for (int32_t y = 0; y < lines; y += together)
    multiply_all(matrix, multiply, input + ptrdiff_t{y} * width * matrix.depth, together * width,
                 output + ptrdiff_t{y} * width * matrix.channels);
}

}  // namespace

auto conv_packed_bytes(Step const& step) -> uint64_t {
  return matrix_bytes(step.output().shape[3], Conv(step).depth);
}

void conv_pack(Step const& step, Order order, uint8_t* packed) {
  int32_t const depth = Conv(step).depth;
  pack_matrix(step, order, depth, depth, 1, packed);
}

auto conv_scratch_bytes(Step const& step) -> uint64_t {
  return uint64_t{kRows} * static_cast<uint32_t>(padded(Conv(step).depth));
}

void conv_run(Step const& step, MultiplyRows multiply, void* scratch, Part part) {
  Conv const conv(step);
  auto const matrix = matrix_of(step, conv.depth, conv.p.clamp);
  auto const& out = conv.out;
  int32_t const first = part.begin(out[1]);
  int32_t const end = part.end(out[1]);
  auto* const rows = static_cast<int8_t*>(scratch);
  bool const pointwise = conv.is_pointwise();
  if (!pointwise) std::memset(rows, 0, conv_scratch_bytes(step));
  for (int32_t batch = 0; batch < out[0]; ++batch) {
    int8_t* output = step.output().int8() + (ptrdiff_t{batch} * out[1] + first) * out[2] * out[3];
    if (pointwise) {
      auto const* const input =
          conv.input.int8() + (ptrdiff_t{batch} * out[1] + first) * out[2] * conv.depth;
      multiply_lines(step, matrix, multiply, input, end - first, output);
      continue;
    }
    int32_t gathered = 0;
    for (int32_t y = first; y < end; ++y)
      for (int32_t x = 0; x < out[2]; ++x) {
        conv.gather(batch, y, x, rows + ptrdiff_t{gathered} * matrix.depth);
        if (++gathered < kRows) continue;
        multiply(matrix, rows, matrix.depth, gathered, output);
        output += ptrdiff_t{gathered} * out[3];
        gathered = 0;
      }
    if (gathered) multiply(matrix, rows, matrix.depth, gathered, output);
  }
}

auto fully_connected_fits(Step const& step) -> bool {
  return !overlaps(step);
}

auto fully_connected_packed_bytes(Step const& step) -> uint64_t {
  return matrix_bytes(step.inputs[1].shape[0], fully_connected_depth(step));
}

void fully_connected_pack(Step const& step, Order order, uint8_t* packed) {
  int32_t const depth = fully_connected_depth(step);
  pack_matrix(step, order, depth, depth, 1, packed);
}

auto fully_connected_scratch_bytes(Step const& step) -> uint64_t {
  return uint64_t{kRows} * static_cast<uint32_t>(padded(fully_connected_depth(step)));
}

void fully_connected_run(Step const& step, MultiplyRows multiply, void* scratch) {
  int32_t const depth = fully_connected_depth(step);
  auto const matrix = matrix_of(step, depth, step.op.params<proto::FullyConnectedParams>().clamp);
  int32_t const count = step.inputs[0].shape.elements / depth;
  int8_t const* input = step.inputs[0].int8();
  int8_t* output = step.output().int8();
  if (matrix.depth == depth) return multiply_all(matrix, multiply, input, count, output);
  auto* const rows = static_cast<int8_t*>(scratch);
  std::memset(rows, 0, fully_connected_scratch_bytes(step));
  for (int32_t row = 0; row < count; row += kRows) {
    int32_t const together = std::min(kRows, count - row);
    for (int32_t i = 0; i < together; ++i, input += depth)
      std::memcpy(rows + ptrdiff_t{i} * matrix.depth, input, static_cast<size_t>(depth));
    multiply(matrix, rows, matrix.depth, together, output);
    output += ptrdiff_t{together} * matrix.channels;
  }
}

}  // namespace godwit::engine::arm
