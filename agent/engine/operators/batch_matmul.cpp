// BATCH_MATMUL: products of computed matrices; either side may be transposed, and batches
// broadcast.
#include "agent/engine/fixed_point.h"
#include "agent/engine/operators/broadcast.h"
#include "agent/engine/operators/operators.h"
#include "agent/engine/operators/wide.h"

namespace godwit::engine {

namespace {

/// One side: where its rows and columns lie within a matrix.
template <typename T>
struct Side {
  T const* data;
  int32_t zero_point;
  ptrdiff_t row;    // step from one output row (or column) to the next
  ptrdiff_t inner;  // step along the dimension that is summed away
};

template <typename T>
auto side(Input const& input, bool inner_last) -> Side<T> {
  auto const rank = static_cast<size_t>(input.shape.rank);
  ptrdiff_t const width = input.shape[rank - 1];
  return {reinterpret_cast<T const*>(input.data), input.zero_point, inner_last ? width : 1,
          inner_last ? 1 : width};
}

/// Of values T; sums wrap in 32 bits, or fit 64.
template <typename T, typename Sum, typename Finish>
void batch_matmul_of(Step const& step, Finish finish) {
  auto const p = step.op.params<proto::BatchMatmulParams>();
  auto const& out = step.output();
  auto const rank = static_cast<size_t>(out.shape.rank);
  auto const& first = step.inputs[0];
  auto const& second = step.inputs[1];
  auto a = side<T>(first, !p.transpose_first);
  auto b = side<T>(second, p.transpose_second);
  int32_t const rows = out.shape[rank - 2];
  int32_t const columns = out.shape[rank - 1];
  auto const first_rank = static_cast<size_t>(first.shape.rank);
  int32_t const depth = first.shape[p.transpose_first ? first_rank - 2 : first_rank - 1];
  auto const strides_a = broadcast_strides(first.shape, out.shape);
  auto const strides_b = broadcast_strides(second.shape, out.shape);
  std::array<int32_t, proto::kTensorRankMax> index{};
  T* to = reinterpret_cast<T*>(out.data);
  int32_t const batches = out.shape.elements / (rows * columns);
  for (int32_t batch = 0; batch < batches; ++batch) {
    ptrdiff_t at_a = 0;
    ptrdiff_t at_b = 0;
    for (size_t d = 0; d + 2 < rank; ++d) {
      at_a += strides_a[d] * index[d];
      at_b += strides_b[d] * index[d];
    }
    for (int32_t row = 0; row < rows; ++row)
      for (int32_t column = 0; column < columns; ++column) {
        T const* const left = a.data + at_a + row * a.row;
        T const* const right = b.data + at_b + column * b.row;
        Sum sum = 0;
        for (int32_t k = 0; k < depth; ++k)
          sum += static_cast<Sum>((left[k * a.inner] - a.zero_point) *
                                  (right[k * b.inner] - b.zero_point));
        *to++ = finish(sum);
      }
    for (size_t d = rank - 2; d-- > 0;) {
      if (++index[d] < out.shape[d]) break;
      index[d] = 0;
    }
  }
}

}  // namespace

void batch_matmul(Step const& step, void*) {
  auto const p = step.op.params<proto::BatchMatmulParams>();
  if (step.output().type == proto::TensorType::int16) {
    batch_matmul_of<int16_t, int64_t>(step, [&](int64_t sum) {
      return static_cast<int16_t>(
          std::clamp(scale_wide(sum, p.multiplier), p.clamp.low, p.clamp.high));
    });
    return;
  }
  batch_matmul_of<int8_t, uint32_t>(step, [&](uint32_t sum) {
    return static_cast<int8_t>(requantise(static_cast<int32_t>(sum), p.multiplier,
                                          step.output().zero_point, p.clamp, step.op.rounding()));
  });
}

}  // namespace godwit::engine
