// What computing operators the plain way needs: rounding in wide integers, and operands as they lie
// in a model and its input. Nothing of it is shared with the engine's kernels.
#pragma once

#include <algorithm>
#include <cmath>

#include "proto/format/model_layout.h"
#include "proto/format/operators.h"

namespace godwit::engine {

using proto::Opcode;

/// Rounded division, halves upwards.
inline auto half_up(int64_t value, int64_t divisor) -> int64_t {
  int64_t const moved = value + divisor / 2;
  return moved >= 0 ? moved / divisor : -((-moved + divisor - 1) / divisor);
}

/// Rounded division, halves away from zero.
inline auto half_away(int64_t value, int64_t divisor) -> int64_t {
  int64_t const magnitude = (std::abs(value) + divisor / 2) / divisor;
  return value < 0 ? -magnitude : magnitude;
}

/// What 32 bits keep of a number.
inline auto wrapped(int64_t value) -> int64_t {
  return static_cast<int32_t>(static_cast<uint32_t>(static_cast<uint64_t>(value)));
}

/// Floor of a division.
inline auto floored(int64_t value, int64_t divisor) -> int64_t {
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}

inline auto scaled(int64_t value, proto::Multiplier m, proto::Rounding rounding) -> int64_t {
  if (rounding == proto::Rounding::once)
    return wrapped(half_up(value * m.value, INT64_C(1) << (31 - m.shift)));
  int64_t const shifted = wrapped(value * (INT64_C(1) << std::max(m.shift, 0)));
  int64_t const product = half_up(shifted * m.value, INT64_C(1) << 31);
  return half_away(product, INT64_C(1) << std::max(-m.shift, 0));
}

/// A sum of 64 bits: the factor keeps 16 of its bits, and there is one rounding.
inline auto scaled_wide(int64_t sum, proto::Multiplier m) -> int64_t {
  int64_t const factor = std::min<int64_t>(half_up(m.value, 1 << 16), 0x7fff);
  return wrapped(half_up(sum * factor, INT64_C(1) << (15 - m.shift)));
}

/// A model of one operator, and a row of its inputs.
class PlainOperands {
 public:
  PlainOperands(proto::ModelView const& model, ByteView input) : op_(model.op(0)) {
    for (uint32_t i = 0; i < op_.input_count(); ++i) {
      inputs_.push_back(model.tensor(op_.input(i)));
      bool const computed = inputs_.back().place == proto::Place::arena;
      bool const constant = inputs_.back().place == proto::Place::constant;
      data_.push_back(computed   ? input.first(inputs_.back().size_bytes)
                      : constant ? model.constant(inputs_.back())
                                 : ByteView{});
      if (computed) input = input.subspan(inputs_.back().size_bytes);
    }
    output_ = model.tensor(op_.output(0));
  }
  virtual ~PlainOperands() = default;

  auto run() const -> Bytes {
    Bytes out;
    for (uint32_t i = 0; i < output_.elements; ++i) {
      auto const result = static_cast<uint64_t>(value(position(i)));
      for (uint32_t k = 0; k < proto::element_bytes(output_.type); ++k)
        out.push_back(static_cast<uint8_t>(result >> 8 * k));
    }
    return out;
  }

 protected:
  using Index = std::array<int64_t, 4>;

  /// One output, or its bits; coordinates that it does not have come first and are 0.
  virtual auto value(Index const& at) const -> int64_t = 0;

  auto position(uint32_t i) const -> Index {
    Index at{};
    int64_t rest = i;
    for (uint32_t d = output_.rank; d-- > 0;) {
      at[4 - output_.rank + d] = rest % output_.shape[d];
      rest /= output_.shape[d];
    }
    return at;
  }
  /// Which output value, counted from the first.
  auto place(Index const& at) const -> int64_t {
    int64_t i = 0;
    for (uint32_t d = 0; d < output_.rank; ++d) i = i * output_.shape[d] + at[4 - output_.rank + d];
    return i;
  }
  auto whole() const -> proto::Clamp {
    bool const wide = output_.type == proto::TensorType::int16;
    return wide ? proto::Clamp{-32768, 32767} : proto::Clamp{-128, 127};
  }

  auto stored(size_t input, int64_t i) const -> int64_t {
    auto const at = static_cast<size_t>(i);
    switch (inputs_[input].type) {
      case proto::TensorType::int8:
        return static_cast<int8_t>(data_[input][at]);
      case proto::TensorType::uint8:
        return data_[input][at];
      case proto::TensorType::int16:
        return static_cast<int16_t>(proto::layout::little<uint16_t>(data_[input], 2 * at));
      case proto::TensorType::int64:
        return static_cast<int64_t>(proto::layout::little<uint64_t>(data_[input], 8 * at));
      default:  // float32: its bits
        return static_cast<int32_t>(proto::layout::little<uint32_t>(data_[input], 4 * at));
    }
  }
  auto number(size_t input, int64_t i) const -> int64_t {
    return stored(input, i) - inputs_[input].zero_point;
  }
  auto broadcast(size_t input, Index const& at) const -> int64_t {
    auto const& tensor = inputs_[input];
    int64_t i = 0;
    for (uint32_t d = 0; d < tensor.rank; ++d)
      i = i * tensor.shape[d] + (tensor.shape[d] == 1 ? 0 : at[4 - tensor.rank + d]);
    return number(input, i);
  }
  auto finished(int64_t sum, proto::Multiplier m, proto::Clamp clamp) const -> int64_t {
    int64_t const value = wrapped(scaled(wrapped(sum), m, op_.rounding()) + output_.zero_point);
    return std::clamp<int64_t>(value, clamp.low, clamp.high);
  }
  /// The sum of an output channel of a matrix operator.
  auto channel_output(int64_t sum, int64_t channel, proto::Clamp clamp) const -> int64_t {
    proto::Multiplier const m{static_cast<int32_t>(stored(3, channel)),
                              static_cast<int32_t>(stored(4, channel))};
    sum += stored(2, channel);
    if (inputs_[2].type == proto::TensorType::int32) return finished(sum, m, clamp);
    return std::clamp<int64_t>(scaled_wide(sum, m), clamp.low, clamp.high);
  }

  proto::Operator op_;
  std::vector<proto::Tensor> inputs_;
  std::vector<ByteView> data_;
  proto::Tensor output_;
};

/// Operators that compute or move values without weights, beside ADD, SUB, MEAN and pools.
auto plain_values(proto::ModelView const& model, ByteView input) -> Bytes;

/// SVDF and the LSTM, from a state that was just reset.
auto plain_recurrent(proto::ModelView const& model, ByteView input) -> Bytes;

}  // namespace godwit::engine
