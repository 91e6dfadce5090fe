// UNIDIRECTIONAL_SEQUENCE_LSTM with int8 activations and weights and an int16 cell state, as TFLite
// Micro computes it (docs/engine.md, "LSTM"). Gates come in the order input, forget, cell, output.
#include <algorithm>
#include <cstring>
#include <limits>

#include "agent/engine/fixed_point.h"
#include "agent/engine/kernel.h"
#include "agent/engine/sigmoid.h"

namespace godwit::engine {

namespace {

auto saturate16(int32_t value) -> int16_t {
  return static_cast<int16_t>(std::clamp<int32_t>(value, std::numeric_limits<int16_t>::min(),
                                                  std::numeric_limits<int16_t>::max()));
}

struct Lstm {
  Step const& step;
  proto::LstmParams params;
  int32_t depth;
  int32_t units;

  static auto dot(int8_t const* weights, int8_t const* values, int32_t zero_point, int32_t count,
                  int32_t bias) -> int32_t {
    auto sum = static_cast<uint32_t>(bias);
    for (int32_t i = 0; i < count; ++i)
      sum += static_cast<uint32_t>(weights[i] * (values[i] - zero_point));
    return static_cast<int32_t>(sum);
  }

  auto scaled(int32_t value, proto::Multiplier m) const -> int32_t {
    return scale(value, m, step.op.rounding());
  }

  /// What one gate says of one unit, as Q0.15.
  [[gnu::noinline]] auto gate(size_t g, int32_t unit, int8_t const* input,
                              int8_t const* hidden) const -> int16_t {
    auto const row = static_cast<ptrdiff_t>(g) * units + unit;
    auto const bias = step.inputs[3].constant<int32_t>(static_cast<size_t>(row));
    int32_t const seen =
        dot(step.inputs[1].int8() + row * depth, input, step.inputs[0].zero_point, depth, bias);
    int32_t const remembered =
        dot(step.inputs[2].int8() + row * units, hidden, step.inputs[4].zero_point, units, 0);
    // Both are bounded to Q3.12 before and after they are added.
    int16_t const sum = saturate16(saturate16(scaled(seen, params.input[g])) +
                                   saturate16(scaled(remembered, params.recurrent[g])));
    bool const tanh_gate = g == 2 && params.cell_activation == 0;
    return tanh_gate ? tanh(sum, kQ3_12, 0) : sigmoid(sum, kQ3_12, 0);
  }

  /// One step in time of one sequence. The new hidden state is made beside the old one, which every
  /// gate still reads.
  void advance(int8_t const* input, int8_t* hidden, int16_t* cell, int8_t* made) const {
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
      made[u] = static_cast<int8_t>(requantise(shown * output_gate, params.output,
                                               step.inputs[4].zero_point, {-128, 127},
                                               step.op.rounding()));
    }
    std::memcpy(hidden, made, static_cast<size_t>(units));
  }
};

}  // namespace

void unidirectional_sequence_lstm(Step const& step, void*) {
  auto const p = step.op.params<proto::LstmParams>();
  auto const& input = step.inputs[0];
  auto const& output = step.output();
  Lstm const lstm{step, p, input.shape[2], output.shape[2]};
  int32_t const batches = input.shape[p.time_major ? 1 : 0];
  int32_t const times = input.shape[p.time_major ? 0 : 1];
  auto const hidden = step.state(4);
  auto const cell = step.state(5);
  for (int32_t batch = 0; batch < batches; ++batch)
    for (int32_t time = 0; time < times; ++time) {
      ptrdiff_t const row =
          p.time_major ? ptrdiff_t{time} * batches + batch : ptrdiff_t{batch} * times + time;
      lstm.advance(input.int8() + row * lstm.depth, hidden.int8() + ptrdiff_t{batch} * lstm.units,
                   cell.int16() + ptrdiff_t{batch} * lstm.units, output.int8() + row * lstm.units);
    }
}

}  // namespace godwit::engine
