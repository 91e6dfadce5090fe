// SVDF and the LSTM: one filter, one gate and one unit after another.
#include "agent/engine/operators/sigmoid.h"  // for the table that is published, and nothing else
#include "tests/unit/agent/engine/plain_operands.h"

namespace godwit::engine {

namespace {

auto bounded(int64_t value) -> int64_t {
  return std::clamp<int64_t>(value, -32768, 32767);
}

/// Outputs that depend on each other are all made first.
class Recurrent : public PlainOperands {
 public:
  using PlainOperands::PlainOperands;

 protected:
  auto value(Index const& at) const -> int64_t override {
    return outputs_[static_cast<size_t>(place(at))];
  }
  auto scale(int64_t sum, proto::Multiplier m) const -> int64_t {
    return scaled(wrapped(sum), m, op_.rounding());
  }

  std::vector<int64_t> outputs_;
};

class PlainSvdf : public Recurrent {
 public:
  PlainSvdf(proto::ModelView const& model, ByteView input) : Recurrent(model, input) {
    auto const p = op_.params<proto::SvdfParams>();
    for (int64_t batch = 0; batch < inputs_[0].shape[0]; ++batch)
      for (int64_t unit = 0; unit < output_.shape[1]; ++unit) {
        int64_t sum = stored(3, unit);
        for (int64_t f = unit * p.rank; f < (unit + 1) * p.rank; ++f) sum += filter(batch, f);
        outputs_.push_back(finished(sum, p.output, whole()));
      }
  }

 private:
  /// After a reset only the newest value was seen.
  auto filter(int64_t batch, int64_t f) const -> int64_t {
    auto const p = op_.params<proto::SvdfParams>();
    int64_t const depth = inputs_[0].shape[1];
    int64_t const memory = inputs_[2].shape[1];
    int64_t sum = 0;
    for (int64_t k = 0; k < depth; ++k)
      sum += number(0, batch * depth + k) * number(1, f * depth + k);
    bool const wide = inputs_[4].type == proto::TensorType::int16;
    int64_t const most = wide ? 32767 : 127;
    int64_t const zero_point = inputs_[4].zero_point;
    int64_t const seen = std::clamp<int64_t>(scale(sum, p.feature), -most - 1, most) + zero_point;
    int64_t const kept = wide ? static_cast<int16_t>(seen) : static_cast<int8_t>(seen);
    int64_t product = (kept - zero_point) * stored(2, f * memory + memory - 1);
    // Words are reset to 0, whatever their zero point.
    for (int64_t k = 0; wide && k < memory - 1; ++k)
      product -= zero_point * stored(2, f * memory + k);
    return product;
  }
};

class PlainLstm : public Recurrent {
 public:
  PlainLstm(proto::ModelView const& model, ByteView input) : Recurrent(model, input) {
    outputs_.resize(output_.elements);
    for (int64_t batch = 0; batch < inputs_[0].shape[p_.time_major ? 1 : 0]; ++batch)
      sequence(batch);
  }

 private:
  void sequence(int64_t batch) {
    int64_t const times = inputs_[0].shape[p_.time_major ? 0 : 1];
    int64_t const batches = inputs_[0].shape[p_.time_major ? 1 : 0];
    hidden_.assign(static_cast<size_t>(units_), 0);
    cell_.assign(static_cast<size_t>(units_), 0);
    for (int64_t time = 0; time < times; ++time) {
      int64_t const row = p_.time_major ? time * batches + batch : batch * times + time;
      std::vector<int64_t> made;
      for (int64_t u = 0; u < units_; ++u) made.push_back(unit(row, u));
      for (int64_t u = 0; u < units_; ++u) {
        outputs_[static_cast<size_t>(row * units_ + u)] = made[static_cast<size_t>(u)];
        hidden_[static_cast<size_t>(u)] = made[static_cast<size_t>(u)] - inputs_[4].zero_point;
      }
    }
  }

  auto unit(int64_t row, int64_t u) -> int64_t {
    auto& cell = cell_[static_cast<size_t>(u)];
    int64_t const cell_sum = gate(row, 2, u);
    int64_t const cell_gate = p_.cell_activation == 0 ? tanh(3 * cell_sum) : sigmoid(3 * cell_sum);
    int64_t const kept = bounded(scale(sigmoid(3 * gate(row, 1, u)) * cell, p_.forget));
    int64_t const added = bounded(scale(sigmoid(3 * gate(row, 0, u)) * cell_gate, p_.update));
    cell = bounded(kept + added);
    if (p_.cell_clip > 0) cell = std::clamp<int64_t>(cell, -p_.cell_clip, p_.cell_clip);
    int64_t const rescaled = half_up(cell * p_.tanh_multiplier, INT64_C(1) << p_.tanh_shift);
    int64_t const shown = scale(tanh(rescaled) * sigmoid(3 * gate(row, 3, u)), p_.output);
    return std::clamp<int64_t>(shown + inputs_[4].zero_point, -128, 127);
  }

  auto weight(size_t input, int64_t i) const -> int64_t {
    if (op_.code() != Opcode::lstm_4) return stored(input, i);
    auto const pair = static_cast<uint8_t>(stored(input, i / 2));
    int64_t const half = i % 2 == 0 ? pair % 16 : pair / 16;
    return half < 8 ? half : half - 16;
  }

  /// Q3.12.
  auto gate(int64_t row, int64_t g, int64_t u) const -> int64_t {
    int64_t const depth = inputs_[0].shape[2];
    int64_t const of_gate = g * units_ + u;
    int64_t seen = stored(3, of_gate);
    for (int64_t k = 0; k < depth; ++k)
      seen += number(0, row * depth + k) * weight(1, of_gate * depth + k);
    int64_t remembered = 0;
    for (int64_t k = 0; k < units_; ++k)
      remembered += hidden_[static_cast<size_t>(k)] * weight(2, of_gate * units_ + k);
    auto const i = static_cast<size_t>(g);
    return bounded(bounded(scale(seen, p_.input[i])) + bounded(scale(remembered, p_.recurrent[i])));
  }

  /// The table between two of its steps, of which a unit has 2^bits; 0.16 and that many bits more.
  static auto interpolated(int64_t magnitude, int bits, int64_t beyond) -> int64_t {
    int64_t const step = magnitude >> bits;
    if (step >= 255) return beyond << bits;
    int64_t const low = kSigmoidTable[step];
    int64_t const high = kSigmoidTable[step + 1];
    return (low << bits) + (magnitude - (step << bits)) * (high - low);
  }
  /// Q0.15, of values in units of 1 / (3 * 4096).
  static auto sigmoid(int64_t x) -> int64_t {
    int64_t const result = interpolated(std::abs(x), 9, 0x7fff << 1);
    int64_t const one = 1 << 25;
    return x >= 0 ? floored(result + 512, 1024) : floored(one - result + 511, 1024);
  }
  static auto tanh(int64_t x) -> int64_t {
    int64_t const above = interpolated(std::abs(x), 8, 0xffff) - (1 << 23);
    return x >= 0 ? floored(above + 128, 256) : floored(127 - above, 256);
  }

  proto::LstmParams p_ = op_.params<proto::LstmParams>();
  int64_t units_ = output_.shape[2];
  std::vector<int64_t> hidden_, cell_;
};

}  // namespace

auto plain_recurrent(proto::ModelView const& model, ByteView input) -> Bytes {
  if (model.op(0).code() == Opcode::svdf) return PlainSvdf(model, input).run();
  return PlainLstm(model, input).run();
}

}  // namespace godwit::engine
