// SVDF: a layer factored into what it sees now and how long it remembers. The state holds, for each
// filter, the last `memory` values; every run moves them on by one.
#include <algorithm>
#include <cstring>
#include <limits>

#include "agent/engine/fixed_point.h"
#include "agent/engine/kernel.h"

namespace godwit::engine {

namespace {

auto dot(int8_t const* weights, int8_t const* values, int32_t zero_point, int32_t count)
    -> int32_t {
  uint32_t sum = 0;
  for (int32_t i = 0; i < count; ++i)
    sum += static_cast<uint32_t>(weights[i] * (values[i] - zero_point));
  return static_cast<int32_t>(sum);
}

template <typename T>
void svdf_of(Step const& step, T* state) {
  auto const p = step.op.params<proto::SvdfParams>();
  auto const& input = step.inputs[0];
  auto const& feature = step.inputs[1];
  auto const& time = step.inputs[2];
  auto const& bias = step.inputs[3];
  auto const& output = step.output();
  int32_t const state_zero = step.inputs[4].zero_point;
  int32_t const filters = feature.shape[0];
  int32_t const memory = time.shape[1];
  int32_t const units = output.shape[1];
  std::memmove(state, state + 1,
               sizeof(T) * static_cast<size_t>(step.inputs[4].shape.elements - 1));
  for (int32_t batch = 0; batch < input.shape[0]; ++batch) {
    auto const* const values = input.int8() + ptrdiff_t{batch} * input.shape[1];
    T* const remembered = state + ptrdiff_t{batch} * filters * memory;
    for (int32_t f = 0; f < filters; ++f) {
      int32_t const sum = dot(feature.int8() + ptrdiff_t{f} * input.shape[1], values,
                              input.zero_point, input.shape[1]);
      int32_t const bounded =
          std::clamp<int32_t>(scale(sum, p.feature, step.op.rounding()),
                              std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
      // The zero point is added after the bounds: far values wrap, as in the reference.
      remembered[ptrdiff_t{f} * memory + memory - 1] = static_cast<T>(bounded + state_zero);
    }
    for (int32_t u = 0; u < units; ++u) {
      auto sum = static_cast<uint32_t>(bias.constant<int32_t>(static_cast<size_t>(u)));
      for (int32_t k = u * p.rank * memory; k < (u + 1) * p.rank * memory; ++k)
        sum += static_cast<uint32_t>(time.constant<T>(static_cast<size_t>(k))) *
               static_cast<uint32_t>(remembered[k] - state_zero);
      output.int8()[ptrdiff_t{batch} * units + u] = static_cast<int8_t>(requantise(
          static_cast<int32_t>(sum), p.output, output.zero_point, {-128, 127}, step.op.rounding()));
    }
  }
}

}  // namespace

void svdf(Step const& step, void*) {
  auto const state = step.state(4);
  if (state.type == proto::TensorType::int8)
    svdf_of(step, state.int8());
  else
    svdf_of(step, state.int16());
}

}  // namespace godwit::engine
