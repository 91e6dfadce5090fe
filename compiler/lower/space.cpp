// Operators that move values between space, depth and batch, STRIDED_SLICE, and
// RESIZE_NEAREST_NEIGHBOR.
#include <algorithm>
#include <cmath>

#include "compiler/lower/rearrange.h"

namespace godwit::compiler {

namespace {

auto read_block(Lowering const& lowering) -> Result<uint32_t> {
  TRY(auto const block, lowering.option_int(0, 0));
  if (block < 1 || block > 1 << 15) return invalid("has a block size out of range");
  return static_cast<uint32_t>(block);
}

auto read_image(Lowering& lowering) -> Result<Source> {
  TRY(auto const source, read_source(lowering, 0));
  if (source.tensor->shape.size() != 4) return lowering.fail(0, "does not have four dimensions");
  return source;
}

/// Block sizes of height and width, and what is padded or cropped around them: [top, bottom, left,
/// right]. A three-dimensional input has no width.
struct Blocks {
  std::array<uint32_t, 2> size{1, 1};
  std::array<int64_t, 4> edges{};
};

auto read_blocks(Lowering const& lowering, size_t axes) -> Result<Blocks> {
  TRY(auto const sizes, lowering.small_numbers(1));
  TRY(auto const edges, lowering.small_numbers(2));
  if (sizes.size() != axes || edges.size() != 2 * axes)
    return lowering.fail(1, "does not fit the input's dimensions");
  Blocks blocks;
  for (size_t d = 0; d < axes; ++d) {
    if (sizes[d] < 1 || sizes[d] > 1 << 15) return lowering.fail(1, "holds a size out of range");
    blocks.size[d] = static_cast<uint32_t>(sizes[d]);
    for (size_t k : {2 * d, 2 * d + 1}) {
      if (edges[k] < 0 || edges[k] > 1 << 15)
        return lowering.fail(2, "holds a number out of range");
      blocks.edges[k] = edges[k];
    }
  }
  return blocks;
}

/// [batch, height, width, depth], with a width of 1 where there is none.
auto as_image(std::vector<uint32_t> shape) -> std::vector<uint32_t> {
  if (shape.size() == 3) shape.insert(shape.begin() + 2, 1);
  return shape;
}

/// The tables without the one of the width that the file's tensor does not have.
auto without_width(Moves moves, size_t rank) -> Moves {
  if (rank == 3) moves.erase(moves.begin() + 2);
  return moves;
}

}  // namespace

auto lower_space_to_depth(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(1, 1));
  TRY(auto const source, read_image(lowering));
  TRY(auto const block, read_block(lowering));
  auto const& in = source.tensor->shape;
  auto const strides = strides_of(in);
  if (in[1] % block != 0 || in[2] % block != 0) return invalid("has a block that does not fit");
  Moves moves = {steps(in[0], 0, 1, strides[0]),
                 steps(in[1] / block, 0, block, strides[1]),
                 steps(in[2] / block, 0, block, strides[2]),
                 {}};
  for (uint32_t y = 0; y < block; ++y)
    for (uint32_t x = 0; x < block; ++x)
      for (uint32_t c = 0; c < in[3]; ++c) moves[3].push_back(y * strides[1] + x * strides[2] + c);
  return finish_rearrange(lowering, source.value, moves);
}

auto lower_depth_to_space(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(1, 1));
  TRY(auto const source, read_image(lowering));
  TRY(auto const block, read_block(lowering));
  auto const& in = source.tensor->shape;
  auto const strides = strides_of(in);
  if (in[3] % (block * block) != 0) return invalid("has a block that does not fit");
  uint32_t const depth = in[3] / (block * block);
  Moves moves = {steps(in[0], 0, 1, strides[0]), {}, {}, steps(depth, 0, 1, 1)};
  for (uint32_t y = 0; y < in[1] * block; ++y)
    moves[1].push_back(y / block * strides[1] + y % block * block * depth);
  for (uint32_t x = 0; x < in[2] * block; ++x)
    moves[2].push_back(x / block * strides[2] + x % block * depth);
  return finish_rearrange(lowering, source.value, moves);
}

auto lower_space_to_batch(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(3, 3));
  TRY(auto const source, read_source(lowering, 0));
  size_t const rank = source.tensor->shape.size();
  if (rank != 3 && rank != 4) return lowering.fail(0, "does not have three or four dimensions");
  TRY(auto const blocks, read_blocks(lowering, rank - 2));
  auto const in = as_image(source.tensor->shape);
  auto const strides = strides_of(in);
  std::array<uint32_t, 2> padded{};
  Moves border = {steps(in[0], 0, 1, strides[0]), {}, {}, steps(in[3], 0, 1, 1)};
  for (size_t d = 0; d < 2; ++d) {
    auto& axis = border[d + 1];
    axis.assign(static_cast<size_t>(blocks.edges[2 * d]), kOutside);
    auto const inner = steps(in[d + 1], 0, 1, strides[d + 1]);
    axis.insert(axis.end(), inner.begin(), inner.end());
    axis.insert(axis.end(), static_cast<size_t>(blocks.edges[2 * d + 1]), kOutside);
    padded[d] = static_cast<uint32_t>(axis.size());
    if (padded[d] % blocks.size[d] != 0) return invalid("has a block that does not fit");
  }
  TRY(auto const* output, lowering.output(0, {source.tensor->type}));
  if (output->shape.empty() ||
      uint64_t{blocks.size[0]} * blocks.size[1] * in[0] != output->shape[0])
    return invalid("has an output whose batch does not fit the blocks");
  auto const zero =
      source.tensor->zero_points.empty() ? 0 : static_cast<int32_t>(source.tensor->zero_points[0]);
  // Two steps: where the border lies decides for a row and its place in the block together.
  auto const value = padded[0] == in[1] && padded[1] == in[2]
                         ? source.value
                         : add_rearrange(lowering, source.value, border, zero, *source.tensor);
  auto const far = strides_of({in[0], padded[0], padded[1], in[3]});
  Moves moves = {{},
                 steps(padded[0] / blocks.size[0], 0, blocks.size[0], far[1]),
                 steps(padded[1] / blocks.size[1], 0, blocks.size[1], far[2]),
                 steps(in[3], 0, 1, 1)};
  for (uint32_t y = 0; y < blocks.size[0]; ++y)
    for (uint32_t x = 0; x < blocks.size[1]; ++x)
      for (uint32_t b = 0; b < in[0]; ++b) moves[0].push_back(y * far[1] + x * far[2] + b * far[0]);
  return finish_rearrange(lowering, value, without_width(std::move(moves), rank));
}

auto lower_batch_to_space(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(3, 3));
  TRY(auto const source, read_source(lowering, 0));
  size_t const rank = source.tensor->shape.size();
  if (rank != 3 && rank != 4) return lowering.fail(0, "does not have three or four dimensions");
  TRY(auto const blocks, read_blocks(lowering, rank - 2));
  auto const in = as_image(source.tensor->shape);
  auto const strides = strides_of(in);
  uint32_t const cells = blocks.size[0] * blocks.size[1];
  if (in[0] % cells != 0) return invalid("has a block that does not divide the batch");
  uint32_t const batches = in[0] / cells;
  Moves moves = {steps(batches, 0, 1, strides[0]), {}, {}, steps(in[3], 0, 1, 1)};
  for (size_t d = 0; d < 2; ++d) {
    int64_t const count = int64_t{in[d + 1]} * blocks.size[d] - blocks.edges[2 * d + 1];
    // Where in the block a row lies says which of the batches it comes from.
    uint32_t const cell = (d == 0 ? blocks.size[1] : 1) * batches * strides[0];
    for (int64_t i = blocks.edges[2 * d]; i < count; ++i) {
      auto const at = static_cast<uint32_t>(i);
      moves[d + 1].push_back(at / blocks.size[d] * strides[d + 1] + at % blocks.size[d] * cell);
    }
  }
  return finish_rearrange(lowering, source.value, without_width(std::move(moves), rank));
}

namespace {

auto nearest(uint32_t index, uint32_t in, uint32_t out, bool align_corners, bool half_pixel)
    -> uint32_t {
  float const scale = align_corners && out > 1
                          ? static_cast<float>(in - 1) / static_cast<float>(out - 1)
                          : static_cast<float>(in) / static_cast<float>(out);
  float const at = (static_cast<float>(index) + (half_pixel ? 0.5f : 0.0f)) * scale;
  auto const rounded = static_cast<int64_t>(align_corners ? std::round(at) : std::floor(at));
  return static_cast<uint32_t>(std::clamp<int64_t>(rounded, 0, int64_t{in} - 1));
}

}  // namespace

auto lower_resize_nearest(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(2, 2));
  TRY(auto const source, read_image(lowering));
  TRY(auto const* output, lowering.output(0, {source.tensor->type}));
  TRY(auto const align_corners, lowering.option_byte(0));
  TRY(auto const half_pixel, lowering.option_byte(1));
  auto const& in = source.tensor->shape;
  auto const& out = output->shape;
  if (out.size() != 4) return invalid("has an output without four dimensions");
  auto const strides = strides_of(in);
  Moves moves = {steps(in[0], 0, 1, strides[0]), {}, {}, steps(in[3], 0, 1, 1)};
  for (size_t d = 1; d <= 2; ++d)
    for (uint32_t i = 0; i < out[d]; ++i)
      moves[d].push_back(strides[d] *
                         nearest(i, in[d], out[d], align_corners != 0, half_pixel != 0));
  return finish_rearrange(lowering, source.value, moves);
}

namespace {

struct SliceMasks {
  int32_t begin, end, ellipsis, new_axis, shrink;
};

/// One input axis: where it starts and how it goes on.
auto slice_axis(std::vector<int64_t> const& numbers, bool begin_open, bool end_open, bool shrink,
                uint32_t extent, uint32_t stride) -> Result<std::vector<uint32_t>> {
  int64_t const step = numbers[2];
  int64_t const count = extent;
  if (step == 0 || step < INT32_MIN || step > INT32_MAX)
    return invalid("has a stride of zero, or out of range");
  auto const bounded = [&](int64_t at) {
    if (at < 0) at += count;
    return step > 0 ? std::clamp<int64_t>(at, 0, count) : std::clamp<int64_t>(at, -1, count - 1);
  };
  int64_t begin = bounded(numbers[0]);
  if (begin_open) begin = step > 0 ? 0 : count - 1;
  int64_t end = bounded(numbers[1]);
  if (end_open) end = step > 0 ? count : -1;
  if (shrink) end = begin + (step > 0 ? 1 : -1);
  int64_t const distance = (end - begin) * (step > 0 ? 1 : -1);
  int64_t const size = std::abs(step);
  if (distance <= 0 || begin < 0 || begin >= count) return invalid("takes nothing of its input");
  return steps(static_cast<uint32_t>((distance + size - 1) / size), begin, step, stride);
}

}  // namespace

auto lower_strided_slice(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(4, 4));
  TRY(auto const source, read_source(lowering, 0));
  std::array<std::vector<int64_t>, 3> numbers;
  for (size_t k = 0; k < 3; ++k) {
    TRY(numbers[k], lowering.small_numbers(k + 1));
  }
  std::array<int32_t, 5> masks{};
  for (uint32_t k = 0; k < 5; ++k) {
    TRY(masks[k], lowering.option_int(k, 0));
  }
  SliceMasks const mask{masks[0], masks[1], masks[2], masks[3], masks[4]};
  TRY(auto const offset, lowering.option_byte(5));
  if (offset) return invalid("gives ends as offsets, which cannot be compiled");
  auto const& shape = source.tensor->shape;
  auto const strides = strides_of(shape);
  size_t const count = numbers[0].size();
  if (count > 2 * proto::kTensorRankMax || numbers[1].size() != count || numbers[2].size() != count)
    return lowering.fail(1, "and the ends or strides differ in number, or are too many");
  auto const bit = [](int32_t bits, size_t k) { return (bits >> k & 1) != 0; };
  size_t made = 0;  // input axes that the numbers name
  for (size_t k = 0; k < count; ++k) made += !bit(mask.ellipsis, k) && !bit(mask.new_axis, k);
  if (made > shape.size()) return lowering.fail(1, "names more axes than the input has");
  Moves moves;
  uint32_t start = 0;  // of axes that are taken away
  size_t d = 0;
  auto const keep = [&] {
    moves.push_back(steps(shape[d], 0, 1, strides[d]));
    ++d;
  };
  for (size_t k = 0; k < count; ++k) {
    if (bit(mask.ellipsis, k)) {
      for (size_t rest = shape.size() - made; rest > 0; --rest) keep();
      made = shape.size();
    } else if (bit(mask.new_axis, k)) {
      moves.push_back({0});
    } else {
      bool const shrink = bit(mask.shrink, k);
      TRY(auto axis, slice_axis({numbers[0][k], numbers[1][k], numbers[2][k]}, bit(mask.begin, k),
                                bit(mask.end, k), shrink, shape[d], strides[d]));
      if (shrink)
        start += axis[0];
      else
        moves.push_back(std::move(axis));
      ++d;
    }
  }
  while (d < shape.size()) keep();
  if (moves.empty()) {
    auto const line = add_rearrange(lowering, source.value, {{start}}, 0, *source.tensor);
    return lowering.finish({proto::Opcode::reshape, {line}, {}, {}});
  }
  for (auto& at : moves[0]) at += start;
  return finish_rearrange(lowering, source.value, moves);
}

}  // namespace godwit::compiler
