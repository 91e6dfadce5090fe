#include "agent/engine/x86/matmul.h"

#include <algorithm>

#include "agent/engine/operators/broadcast.h"

namespace godwit::engine::x86 {

namespace {

/// One input as matrices: where their lines lie, which are what is multiplied with the other's, and
/// the values of a line.
struct Lines {
  int32_t count, depth;
  ptrdiff_t apart, inner;
  int32_t zero_point;

  Lines(Input const& input, bool inner_last) : zero_point(input.zero_point) {
    auto const rank = static_cast<size_t>(input.shape.rank);
    int32_t const width = input.shape[rank - 1];
    int32_t const height = input.shape[rank - 2];
    count = inner_last ? height : width;
    depth = inner_last ? width : height;
    apart = inner_last ? width : 1;
    inner = inner_last ? 1 : width;
  }

  auto pairs() const -> int32_t { return (depth + 1) / 2; }

  /// Values `pair_apart` int16s from one pair to the next, without the zero point; of an odd depth
  /// one more, which is zero.
  void widen(int8_t const* line, int16_t* to, int32_t pair_apart) const {
    for (int32_t k = 0; k < depth; ++k, line += inner)
      to[k / 2 * pair_apart + k % 2] = static_cast<int16_t>(*line - zero_point);
    if (depth % 2) to[depth / 2 * pair_apart + 1] = 0;
  }
};

auto left_lines(Step const& step) -> Lines {
  return {step.inputs[0], !step.op.params<proto::BatchMatmulParams>().transpose_first};
}

auto right_lines(Step const& step) -> Lines {
  return {step.inputs[1], step.op.params<proto::BatchMatmulParams>().transpose_second != 0};
}

/// Sixteen columns are a block: pair by pair, in a pair in the order of halves.
auto blocks_of(Lines const& columns) -> int32_t {
  return (columns.count + kLanes - 1) / kLanes;
}

auto block_words(Lines const& columns) -> ptrdiff_t {
  return ptrdiff_t{2 * kLanes} * columns.pairs();
}

void multiply(Step const& step, int8_t const* a, int8_t const* b, int8_t* out, int16_t* scratch) {
  auto const& product = *reinterpret_cast<Scalable const*>(step.packed);
  auto const rows = left_lines(step);
  auto const columns = right_lines(step);
  int32_t const pairs = rows.pairs();
  int16_t* const packed = scratch + ptrdiff_t{2 * kMatmulRows} * pairs;
  for (int32_t i = 0; i < columns.count; ++i)
    columns.widen(
        b + i * columns.apart,
        packed + i / kLanes * block_words(columns) + ptrdiff_t{2} * kAvx2Layout.channel(i % kLanes),
        2 * kLanes);
  for (int32_t row = 0; row < rows.count; row += kMatmulRows) {
    int32_t const here = std::min(kMatmulRows, rows.count - row);
    for (int32_t i = 0; i < here; ++i)
      rows.widen(a + (row + i) * rows.apart, scratch + ptrdiff_t{2 * i} * pairs, 2);
    for (int32_t block = 0; block < blocks_of(columns); ++block) {
      alignas(kMemoryAlignment) int32_t sums[kMatmulRows * kLanes];
      sum_matmul_avx2(scratch, packed + block * block_words(columns), pairs, product.block, sums);
      int32_t const lanes = std::min(kLanes, columns.count - block * kLanes);
      finish_block_avx2(product.block, product.finish, sums, here, lanes,
                        out + ptrdiff_t{row} * columns.count + block * kLanes, columns.count);
    }
  }
}

}  // namespace

auto matmul_fits(Step const& step) -> bool {
  constexpr uint64_t kScratchMax = 1 << 24;
  auto const p = step.op.params<proto::BatchMatmulParams>();
  return step.output().type == proto::TensorType::int8 &&
         matmul_scratch_bytes(step) <= kScratchMax &&
         fits_factor(p.multiplier, INT64_C(255) * 255 * left_lines(step).depth, step.op.rounding());
}

auto matmul_scratch_bytes(Step const& step) -> uint64_t {
  auto const columns = right_lines(step);
  return sizeof(int16_t) * static_cast<uint64_t>(blocks_of(columns) * block_words(columns) +
                                                 ptrdiff_t{2 * kMatmulRows} * columns.pairs());
}

void matmul_pack(Step const& step, uint8_t* packed) {
  auto const p = step.op.params<proto::BatchMatmulParams>();
  pack_product(step, p.multiplier, p.clamp, left_lines(step).depth, packed);
}

void matmul_run(Step const& step, void* scratch) {
  auto const& out = step.output();
  auto const rank = static_cast<size_t>(out.shape.rank);
  auto const strides_a = broadcast_strides(step.inputs[0].shape, out.shape);
  auto const strides_b = broadcast_strides(step.inputs[1].shape, out.shape);
  std::array<int32_t, proto::kTensorRankMax> index{};
  int32_t const size = out.shape[rank - 2] * out.shape[rank - 1];
  auto const* a = step.inputs[0].int8();
  auto const* b = step.inputs[1].int8();
  for (int32_t done = 0; done < out.shape.elements; done += size) {
    multiply(step, a, b, out.int8() + done, static_cast<int16_t*>(scratch));
    for (size_t d = rank - 2; d-- > 0;) {
      a += strides_a[d];
      b += strides_b[d];
      if (++index[d] < out.shape[d]) break;
      a -= strides_a[d] * out.shape[d];
      b -= strides_b[d] * out.shape[d];
      index[d] = 0;
    }
  }
}

}  // namespace godwit::engine::x86
