// SVDF: a layer factored into what it sees now and how long it remembers. The state holds, for each
// filter, the last `memory` values; every run moves them on by one.
#include <algorithm>
#include <cstring>

#include "agent/engine/fixed_point.h"
#include "agent/engine/operators/matrix.h"
#include "agent/engine/operators/operators.h"

namespace godwit::engine {

namespace {

/// The extents of a step, and where things are in scratch memory.
struct Svdf {
  int32_t filters, depth, memory, units, length;

  explicit Svdf(Step const& step)
      : filters(step.inputs[1].shape[0]),
        depth(step.inputs[1].shape[1]),
        memory(step.inputs[2].shape[1]),
        units(step.output().shape[1]),
        length(filters / units * memory) {}

  /// Of each filter.
  static auto sums(void* scratch) -> uint32_t* { return static_cast<uint32_t*>(scratch); }
  /// The input without its zero point, filled up; then the state of a batch, likewise.
  auto values(void* scratch) const { return reinterpret_cast<int16_t*>(sums(scratch) + filters); }
  auto times(void* scratch) const { return values(scratch) + values_count(); }
  auto values_count() const -> ptrdiff_t { return std::max(filled_up(depth), filters * memory); }
  auto bytes() const -> uint64_t {
    auto const words =
        static_cast<uint64_t>(values_count()) + static_cast<uint32_t>(filters * memory);
    return sizeof(uint32_t) * static_cast<uint64_t>(filters) + sizeof(int16_t) * words;
  }
};

/// The weights of time as int16.
void widen_times(Input const& time, int32_t count, int16_t* to) {
  if (time.type == proto::TensorType::int8) return widen(time.int8(), 0, count, to);
  for (int32_t i = 0; i < count; ++i) to[i] = time.constant<int16_t>(static_cast<size_t>(i));
}

/// What every filter sees, bounded to what the state's type holds.
void see(Step const& step, Svdf const& s, int8_t const* input, proto::Clamp bounds, void* scratch) {
  auto const p = step.op.params<proto::SvdfParams>();
  auto const rounding = step.op.rounding();
  auto* const values = s.values(scratch);
  auto* const sums = s.sums(scratch);
  std::fill_n(values, filled_up(s.depth), int16_t{0});
  widen(input, step.inputs[0].zero_point, s.depth, values);
  sum_rows(values, step.inputs[1].int8(), s.depth, s.filters, sums);
  for (int32_t f = 0; f < s.filters; ++f)
    sums[f] = static_cast<uint32_t>(std::clamp(
        scale(static_cast<int32_t>(sums[f]), p.feature, rounding), bounds.low, bounds.high));
}

/// The zero point is added after the bounds: far values wrap, as in the reference.
template <typename T>
void put(Svdf const& s, int32_t zero_point, uint32_t const* seen, T* state) {
  for (int32_t f = 0; f < s.filters; ++f)
    state[ptrdiff_t{f} * s.memory + s.memory - 1] =
        static_cast<T>(seen[f] + static_cast<uint32_t>(zero_point));
}

/// What is remembered is in `values`, but that `zero_point` is still to be taken off.
void remember(Step const& step, Svdf const& s, int32_t zero_point, int8_t* output, void* scratch) {
  auto const p = step.op.params<proto::SvdfParams>();
  auto const rounding = step.op.rounding();
  auto const* values = s.values(scratch);
  auto const* times = s.times(scratch);
  for (int32_t u = 0; u < s.units; ++u, values += s.length, times += s.length) {
    auto sum =
        step.inputs[3].constant<uint32_t>(static_cast<size_t>(u)) + dot(values, times, s.length);
    if (zero_point != 0)
      for (int32_t i = 0; i < s.length; ++i)
        sum -= static_cast<uint32_t>(times[i]) * static_cast<uint32_t>(zero_point);
    output[u] = static_cast<int8_t>(requantise(static_cast<int32_t>(sum), p.output,
                                               step.output().zero_point, {-128, 127}, rounding));
  }
}

template <typename T>
void move_on(Output const& state) {
  auto* const values = reinterpret_cast<T*>(state.data);
  std::memmove(values, values + 1, state.size_bytes - sizeof(T));
}

}  // namespace

auto svdf_scratch(Step const& step) -> uint64_t {
  return Svdf(step).bytes();
}

void svdf(Step const& step, void* scratch) {
  Svdf const s(step);
  auto const state = step.state(4);
  bool const bytes = state.type == proto::TensorType::int8;
  ptrdiff_t const count = ptrdiff_t{s.filters} * s.memory;
  bytes ? move_on<int8_t>(state) : move_on<int16_t>(state);
  widen_times(step.inputs[2], s.filters * s.memory, s.times(scratch));
  for (ptrdiff_t batch = 0; batch < step.inputs[0].shape[0]; ++batch) {
    see(step, s, step.inputs[0].int8() + batch * s.depth, bytes ? kWhole<int8_t> : kWhole<int16_t>,
        scratch);
    if (bytes) {
      auto* const values = state.int8() + batch * count;
      put(s, state.zero_point, s.sums(scratch), values);
      widen(values, state.zero_point, s.filters * s.memory, s.values(scratch));
    } else {
      auto* const values = state.int16() + batch * count;
      put(s, state.zero_point, s.sums(scratch), values);
      std::memcpy(s.values(scratch), values, sizeof(int16_t) * static_cast<size_t>(count));
    }
    remember(step, s, bytes ? 0 : state.zero_point, step.output().int8() + batch * s.units,
             scratch);
  }
}

}  // namespace godwit::engine
