// UNIDIRECTIONAL_SEQUENCE_LSTM with int8 weights, int8 or int16 activations and an int16 cell
// state, as TFLite Micro computes it (docs/engine.md, "LSTM"). Gates come in the order input,
// forget, cell, output.
#include <algorithm>
#include <cstring>
#include <limits>

#include "agent/engine/fixed_point.h"
#include "agent/engine/kernel.h"
#include "agent/engine/sigmoid.h"
#include "agent/engine/wide.h"

namespace godwit::engine {

namespace {

auto saturate16(int32_t value) -> int16_t {
  return static_cast<int16_t>(std::clamp<int32_t>(value, std::numeric_limits<int16_t>::min(),
                                                  std::numeric_limits<int16_t>::max()));
}

template <typename T>
struct Lstm {
  static constexpr bool kWide = sizeof(T) == 2;
  using Sum = std::conditional_t<kWide, int64_t, uint32_t>;  // that of int8 wraps

  Step const& step;
  proto::LstmParams params;
  int32_t depth;
  int32_t units;

  static auto dot(int8_t const* weights, T const* values, int32_t zero_point, int32_t count,
                  Sum sum) -> Sum {
    for (int32_t i = 0; i < count; ++i)
      sum += static_cast<Sum>(weights[i] * (values[i] - zero_point));
    return sum;
  }

  auto scaled(int32_t value, proto::Multiplier m) const -> int32_t {
    return scale(value, m, step.op.rounding());
  }

  /// A sum as Q3.12.
  auto gate_input(Sum sum, proto::Multiplier m) const -> int16_t {
    if constexpr (kWide)
      return saturate16(scale_wide(sum, m));
    else
      return saturate16(scaled(static_cast<int32_t>(sum), m));
  }

  /// What one gate says of one unit, as Q0.15.
  [[gnu::noinline]] auto gate(size_t g, int32_t unit, T const* input, T const* hidden) const
      -> int16_t {
    auto const row = static_cast<ptrdiff_t>(g) * units + unit;
    auto const bias = static_cast<Sum>(
        step.inputs[3].constant<std::make_signed_t<Sum>>(static_cast<size_t>(row)));
    Sum const seen =
        dot(step.inputs[1].int8() + row * depth, input, step.inputs[0].zero_point, depth, bias);
    Sum const remembered =
        dot(step.inputs[2].int8() + row * units, hidden, step.inputs[4].zero_point, units, 0);
    // Both are bounded to Q3.12 before and after they are added.
    int16_t const sum =
        saturate16(gate_input(seen, params.input[g]) + gate_input(remembered, params.recurrent[g]));
    bool const tanh_gate = g == 2 && params.cell_activation == 0;
    return tanh_gate ? tanh(sum, kQ3_12, 0) : sigmoid(sum, kQ3_12, 0);
  }

  /// One step in time of one sequence. The new hidden state is made beside the old one, which every
  /// gate still reads.
  void advance(T const* input, T* hidden, int16_t* cell, T* made) const {
    for (int32_t u = 0; u < units; ++u) {
      int16_t const input_gate = gate(0, u, input, hidden);
      int16_t const forget_gate = gate(1, u, input, hidden);
      int16_t const cell_gate = gate(2, u, input, hidden);
      int16_t const output_gate = gate(3, u, input, hidden);
      int32_t const kept = saturate16(scaled(forget_gate * cell[u], params.forget));
      int32_t const added = saturate16(scaled(input_gate * cell_gate, params.update));
      int16_t value = saturate16(kept + added);
      if (params.cell_clip > 0)
        value =
            static_cast<int16_t>(std::clamp<int32_t>(value, -params.cell_clip, params.cell_clip));
      cell[u] = value;
      int16_t const shown = tanh(value, params.tanh_multiplier, params.tanh_shift);
      made[u] =
          static_cast<T>(requantise(shown * output_gate, params.output, step.inputs[4].zero_point,
                                    kWhole<T>, step.op.rounding()));
    }
    std::memcpy(hidden, made, sizeof(T) * static_cast<size_t>(units));
  }
};

template <typename T>
void run_lstm(Step const& step) {
  auto const p = step.op.params<proto::LstmParams>();
  auto const& input = step.inputs[0];
  auto const& output = step.output();
  Lstm<T> const lstm{step, p, input.shape[2], output.shape[2]};
  auto const values = [](auto* bytes) {
    return reinterpret_cast<
        std::conditional_t<std::is_const_v<std::remove_pointer_t<decltype(bytes)>>, T const, T>*>(
        bytes);
  };
  int32_t const batches = input.shape[p.time_major ? 1 : 0];
  int32_t const times = input.shape[p.time_major ? 0 : 1];
  auto const hidden = step.state(4);
  auto const cell = step.state(5);
  for (int32_t batch = 0; batch < batches; ++batch)
    for (int32_t time = 0; time < times; ++time) {
      ptrdiff_t const row =
          p.time_major ? ptrdiff_t{time} * batches + batch : ptrdiff_t{batch} * times + time;
      lstm.advance(values(input.data) + row * lstm.depth,
                   values(hidden.data) + ptrdiff_t{batch} * lstm.units,
                   cell.int16() + ptrdiff_t{batch} * lstm.units,
                   values(output.data) + row * lstm.units);
    }
}

}  // namespace

void unidirectional_sequence_lstm(Step const& step, void*) {
  if (step.output().type == proto::TensorType::int16) return run_lstm<int16_t>(step);
  run_lstm<int8_t>(step);
}

}  // namespace godwit::engine
