// MEAN over any set of dimensions; sums of int16 wrap only where the reference's do.
#include "agent/engine/fixed_point.h"
#include "agent/engine/operators/channels.h"
#include "agent/engine/operators/operators.h"

namespace godwit::engine {

namespace {

template <typename T>
void mean_of(Step const& step, T const* input, T* output, int32_t* sums) {
  auto const p = step.op.params<proto::MeanParams>();
  auto const& in = step.inputs[0];
  auto const& out = step.output();
  auto const rank = static_cast<size_t>(in.shape.rank);
  // Distance between outputs for one step along each dimension of the input; 0 where it is reduced.
  std::array<ptrdiff_t, proto::kTensorRankMax> steps{};
  ptrdiff_t kept = 1;
  int32_t reduced = 1;
  for (size_t d = rank; d-- > 0;) {
    if (p.axes >> d & 1) {
      reduced *= in.shape[d];
    } else {
      steps[d] = kept;
      kept *= in.shape[d];
    }
  }
  std::fill_n(sums, out.shape.elements, 0);
  std::array<int32_t, proto::kTensorRankMax> index{};
  ptrdiff_t at = 0;
  // Values of the last dimension go together, where it is kept.
  bool const together = rank > 0 && steps[rank - 1] == 1;
  int32_t const inner = together ? in.shape[rank - 1] : 1;
  for (int32_t i = 0; i < in.shape.elements; i += inner) {
    add_values(input + i, inner, sums + at);
    for (size_t d = together ? rank - 1 : rank; d-- > 0;) {
      at += steps[d];
      if (++index[d] < in.shape[d]) break;
      at -= steps[d] * in.shape[d];
      index[d] = 0;
    }
  }
  for (int32_t i = 0; i < out.shape.elements; ++i)
    output[i] = static_cast<T>(requantise(sums[i] - in.zero_point * reduced, p.multiplier,
                                          out.zero_point, kWhole<T>, step.op.rounding()));
}

}  // namespace

void mean(Step const& step, void* scratch) {
  auto* const sums = static_cast<int32_t*>(scratch);
  auto const& in = step.inputs[0];
  auto const& out = step.output();
  if (out.type == proto::TensorType::int16)
    mean_of(step, in.int16(), out.int16(), sums);
  else
    mean_of(step, in.int8(), out.int8(), sums);
}

}  // namespace godwit::engine
