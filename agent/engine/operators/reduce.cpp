// REDUCE_MAX and REDUCE_MIN over any set of dimensions; ARG_MAX and ARG_MIN over one.
#include <algorithm>

#include "agent/engine/operators/operators.h"

namespace godwit::engine {

namespace {

template <typename Better>
void reduce(Step const& step, int8_t worst, Better better) {
  auto const axes = step.op.params<proto::ReduceParams>().axes;
  auto const& in = step.inputs[0];
  auto const& out = step.output();
  auto const rank = static_cast<size_t>(in.shape.rank);
  // Distance between outputs for one step along each dimension of the input; 0 where it is reduced.
  std::array<ptrdiff_t, proto::kTensorRankMax> strides{};
  ptrdiff_t kept = 1;
  for (size_t d = rank; d-- > 0;) {
    if (axes >> d & 1) continue;
    strides[d] = kept;
    kept *= in.shape[d];
  }
  std::fill_n(out.int8(), out.shape.elements, worst);
  std::array<int32_t, proto::kTensorRankMax> index{};
  ptrdiff_t at = 0;
  for (int32_t i = 0; i < in.shape.elements; ++i) {
    if (better(in.int8()[i], out.int8()[at])) out.int8()[at] = in.int8()[i];
    for (size_t d = rank; d-- > 0;) {
      at += strides[d];
      if (++index[d] < in.shape[d]) break;
      at -= strides[d] * in.shape[d];
      index[d] = 0;
    }
  }
}

/// The first index wins where values are equal.
template <typename Better>
void arg(Step const& step, Better better) {
  auto const axis = static_cast<size_t>(step.op.params<proto::ArgParams>().axis);
  auto const& in = step.inputs[0];
  int32_t const count = in.shape[axis];
  ptrdiff_t inner = 1;
  for (size_t d = axis + 1; d < static_cast<size_t>(in.shape.rank); ++d) inner *= in.shape[d];
  for (ptrdiff_t i = 0; i < step.output().shape.elements; ++i) {
    int8_t const* const line = in.int8() + i / inner * inner * count + i % inner;
    int32_t best = 0;
    for (int32_t k = 1; k < count; ++k)
      if (better(line[k * inner], line[best * inner])) best = k;
    step.output().int32()[i] = best;
  }
}

constexpr auto kGreater = [](int8_t a, int8_t b) { return a > b; };
constexpr auto kLess = [](int8_t a, int8_t b) { return a < b; };

}  // namespace

void reduce_max(Step const& step, void*) {
  reduce(step, -128, kGreater);
}
void reduce_min(Step const& step, void*) {
  reduce(step, 127, kLess);
}
void arg_max(Step const& step, void*) {
  arg(step, kGreater);
}
void arg_min(Step const& step, void*) {
  arg(step, kLess);
}

}  // namespace godwit::engine
