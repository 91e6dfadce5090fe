// UNIDIRECTIONAL_SEQUENCE_LSTM with weights of int8 or of four bits, int8 or int16 activations and
// an int16 cell state, as TFLite Micro computes it (docs/engine.md, "LSTM"). Gates come in the
// order input, forget, cell, output.
#include <algorithm>
#include <cstring>
#include <limits>

#include "agent/engine/fixed_point.h"
#include "agent/engine/operators/matrix.h"
#include "agent/engine/operators/nibbles.h"
#include "agent/engine/operators/operators.h"
#include "agent/engine/operators/sigmoid.h"
#include "agent/engine/operators/wide.h"

namespace godwit::engine {

namespace {

constexpr int32_t kGates = 4;

auto saturate16(int32_t value) -> int16_t {
  return static_cast<int16_t>(std::clamp<int32_t>(value, std::numeric_limits<int16_t>::min(),
                                                  std::numeric_limits<int16_t>::max()));
}

/// One of the two sides of all gates: weights and what they are multiplied by. Biases are the
/// input's.
struct Side {
  int8_t const* weights;
  int32_t depth;
  int32_t zero_point;
  std::array<proto::Multiplier, kGates> const& multipliers;
  Input const* bias;
  uint32_t const* offsets;  // of weights of four bits: the bias is in them
};

class Lstm {
 public:
  /// `sum` is of weights of four bits, otherwise nullptr.
  Lstm(Step const& step, NibbleSum sum, void* scratch)
      : step_(step),
        sum_(sum),
        p_(step.op.params<proto::LstmParams>()),
        rounding_(step.op.rounding()),
        units_(step.output().shape[2]),
        gates_(static_cast<int32_t*>(scratch)),
        sums_(reinterpret_cast<uint32_t*>(gates_ + ptrdiff_t{kGates} * units_)),
        values_(reinterpret_cast<int16_t*>(sums_ + ptrdiff_t{kGates} * units_)) {}

  /// One step in time of one sequence, of int8 or int16.
  template <typename T>
  void advance(T const* input, T* hidden, int16_t* cell, T* output) const {
    std::fill_n(gates_, kGates * units_, 0);
    auto const* const offsets = reinterpret_cast<uint32_t const*>(step_.packed);
    see(input, {step_.inputs[1].int8(), step_.inputs[0].shape[2], step_.inputs[0].zero_point,
                p_.input, sum_ ? nullptr : &step_.inputs[3], offsets});
    see(hidden, {step_.inputs[2].int8(), units_, step_.inputs[4].zero_point, p_.recurrent, nullptr,
                 offsets + (sum_ ? kGates * units_ : 0)});
    for (int32_t g = 0; g < kGates; ++g) open(g);
    unite(cell);
    for (int32_t u = 0; u < units_; ++u)
      hidden[u] = static_cast<T>(std::clamp(wrap_add(gates_[u], step_.inputs[4].zero_point),
                                            kWhole<T>.low, kWhole<T>.high));
    std::memcpy(output, hidden, sizeof(T) * static_cast<size_t>(units_));
  }

 private:
  auto scaled(int32_t value, proto::Multiplier m) const -> int32_t {
    return scale(value, m, rounding_);
  }
  auto gate(int32_t g, int32_t unit) const -> int32_t& {
    return gates_[ptrdiff_t{g} * units_ + unit];
  }
  /// Each side of a gate is bounded to Q3.12, and so is their sum.
  void add(int32_t row, int32_t sum) const {
    gates_[row] = saturate16(gates_[row] + saturate16(sum));
  }

  void sum_halves(int8_t const* values, Side const& side) const {
    int32_t const bytes = side.depth / 2;
    auto* const even = reinterpret_cast<int8_t*>(values_);
    auto* const odd = even + nibble_room(bytes);
    uint32_t const total = split_values(values, bytes, even, odd);
    auto const* weights = reinterpret_cast<uint8_t const*>(side.weights);
    for (int32_t row = 0; row < kGates * units_; ++row, weights += bytes)
      sums_[row] = sum_(weights, bytes, even, odd) - 8 * total + side.offsets[row];
  }

  [[gnu::noinline]] void see(int8_t const* values, Side const& side) const {
    if (sum_) {
      sum_halves(values, side);
    } else {
      std::fill_n(values_, filled_up(side.depth), int16_t{0});
      widen(values, side.zero_point, side.depth, values_);
      sum_rows(values_, side.weights, side.depth, kGates * units_, sums_);
    }
    for (int32_t row = 0, g = 0; g < kGates; ++g) {
      auto const m = side.multipliers[static_cast<size_t>(g)];
      for (int32_t const end = row + units_; row < end; ++row) {
        uint32_t const bias =
            side.bias ? side.bias->constant<uint32_t>(static_cast<size_t>(row)) : 0;
        add(row, scaled(static_cast<int32_t>(sums_[row] + bias), m));
      }
    }
  }

  /// Sums of int16 have 64 bits.
  [[gnu::noinline]] void see(int16_t const* values, Side const& side) const {
    auto const* weights = side.weights;
    for (int32_t row = 0; row < kGates * units_; ++row, weights += side.depth) {
      int64_t sum = side.bias ? side.bias->constant<int64_t>(static_cast<size_t>(row)) : 0;
      for (int32_t i = 0; i < side.depth; ++i) sum += weights[i] * (values[i] - side.zero_point);
      add(row, scale_wide(sum, side.multipliers[static_cast<size_t>(row / units_)]));
    }
  }

  /// Sums become what the gate says, as Q0.15.
  [[gnu::noinline]] void open(int32_t g) const {
    bool const tanh_gate = g == 2 && p_.cell_activation == 0;
    for (int32_t u = 0; u < units_; ++u) {
      auto const sum = static_cast<int16_t>(gate(g, u));
      gate(g, u) = tanh_gate ? tanh(sum, kQ3_12, 0) : sigmoid(sum, kQ3_12, 0);
    }
  }

  /// The new cell state, and what is shown of it, in the place of the first gate.
  [[gnu::noinline]] void unite(int16_t* cell) const {
    for (int32_t u = 0; u < units_; ++u) {
      int32_t const kept = saturate16(scaled(gate(1, u) * cell[u], p_.forget));
      int32_t const added = saturate16(scaled(gate(0, u) * gate(2, u), p_.update));
      int16_t value = saturate16(kept + added);
      if (p_.cell_clip > 0)
        value = static_cast<int16_t>(std::clamp<int32_t>(value, -p_.cell_clip, p_.cell_clip));
      cell[u] = value;
      int16_t const shown = tanh(value, p_.tanh_multiplier, p_.tanh_shift);
      gate(0, u) = scaled(shown * gate(3, u), p_.output);
    }
  }

  Step const& step_;
  NibbleSum sum_;
  proto::LstmParams p_;
  proto::Rounding rounding_;
  int32_t units_;
  int32_t* gates_;
  uint32_t* sums_;   // of int8
  int16_t* values_;  // of int8, without their zero point, filled up; or split by nibbles
};

template <typename T>
void run_lstm(Step const& step, void* scratch, NibbleSum sum = nullptr) {
  auto const p = step.op.params<proto::LstmParams>();
  auto const& input = step.inputs[0];
  auto const values = [](auto* bytes) {
    return reinterpret_cast<
        std::conditional_t<std::is_const_v<std::remove_pointer_t<decltype(bytes)>>, T const, T>*>(
        bytes);
  };
  ptrdiff_t const depth = input.shape[2];
  ptrdiff_t const units = step.output().shape[2];
  Lstm const lstm(step, sum, scratch);
  int32_t const batches = input.shape[p.time_major ? 1 : 0];
  int32_t const times = input.shape[p.time_major ? 0 : 1];
  for (int32_t batch = 0; batch < batches; ++batch)
    for (int32_t time = 0; time < times; ++time) {
      ptrdiff_t const row =
          p.time_major ? ptrdiff_t{time} * batches + batch : ptrdiff_t{batch} * times + time;
      lstm.advance(values(input.data) + row * depth, values(step.state(4).data) + batch * units,
                   step.state(5).int16() + batch * units, values(step.output().data) + row * units);
    }
}

auto depth_max(Step const& step) -> int32_t {
  return std::max(step.inputs[0].shape[2], step.output().shape[2]);
}

/// Of gates and sums.
auto sums_bytes(Step const& step) -> uint64_t {
  return sizeof(int32_t) * 2 * kGates * static_cast<uint64_t>(step.output().shape[2]);
}

}  // namespace

auto lstm_scratch(Step const& step) -> uint64_t {
  return sums_bytes(step) + sizeof(int16_t) * static_cast<uint64_t>(filled_up(depth_max(step)));
}

auto lstm_4_scratch(Step const& step) -> uint64_t {
  return sums_bytes(step) + 2 * static_cast<uint64_t>(nibble_room(depth_max(step) / 2));
}

auto lstm_4_packed_bytes(Step const& step) -> uint64_t {
  return sums_bytes(step);
}

void lstm_4_pack(Step const& step, uint8_t* packed) {
  auto* offset = reinterpret_cast<uint32_t*>(packed);
  int32_t const rows = kGates * step.output().shape[2];
  for (size_t side : {1, 2}) {
    auto const& weights = step.inputs[side];
    int32_t const zero_point = step.inputs[side == 1 ? 0 : 4].zero_point;
    int32_t const bytes = weights.shape[2];
    for (int32_t row = 0; row < rows; ++row) {
      uint32_t const bias =
          side == 1 ? step.inputs[3].constant<uint32_t>(static_cast<size_t>(row)) : 0;
      uint32_t const sum = sum_of_weights(weights.data + ptrdiff_t{row} * bytes, bytes);
      *offset++ = bias - static_cast<uint32_t>(zero_point) * sum;
    }
  }
}

void lstm_4(Step const& step, NibbleSum sum, void* scratch) {
  run_lstm<int8_t>(step, scratch, sum);
}

void lstm_4(Step const& step, void* scratch) {
  lstm_4(step, nibble_sum, scratch);
}

void unidirectional_sequence_lstm(Step const& step, void* scratch) {
  if (step.output().type == proto::TensorType::int16)
    run_lstm<int16_t>(step, scratch);
  else
    run_lstm<int8_t>(step, scratch);
}

}  // namespace godwit::engine
