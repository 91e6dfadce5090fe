#include "tests/unit/agent/engine/plain.h"

#include <algorithm>
#include <cmath>

#include "proto/format/model_layout.h"

namespace godwit::engine {

namespace {

using proto::Opcode;
using Index = std::array<int64_t, 4>;

/// Rounded division, halves upwards.
auto half_up(int64_t value, int64_t divisor) -> int64_t {
  int64_t const moved = value + divisor / 2;
  return moved >= 0 ? moved / divisor : -((-moved + divisor - 1) / divisor);
}

/// Rounded division, halves away from zero.
auto half_away(int64_t value, int64_t divisor) -> int64_t {
  int64_t const magnitude = (std::abs(value) + divisor / 2) / divisor;
  return value < 0 ? -magnitude : magnitude;
}

/// What 32 bits keep of a number.
auto wrapped(int64_t value) -> int64_t {
  return static_cast<int32_t>(static_cast<uint32_t>(static_cast<uint64_t>(value)));
}

/// Floor of a division.
auto floored(int64_t value, int64_t divisor) -> int64_t {
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}

auto scaled(int64_t value, proto::Multiplier m, proto::Rounding rounding) -> int64_t {
  if (rounding == proto::Rounding::once)
    return wrapped(half_up(value * m.value, INT64_C(1) << (31 - m.shift)));
  int64_t const shifted = wrapped(value * (INT64_C(1) << std::max(m.shift, 0)));
  int64_t const product = half_up(shifted * m.value, INT64_C(1) << 31);
  return half_away(product, INT64_C(1) << std::max(-m.shift, 0));
}

/// A sum of 64 bits: the factor keeps 16 of its bits, and there is one rounding.
auto scaled_wide(int64_t sum, proto::Multiplier m) -> int64_t {
  int64_t const factor = std::min<int64_t>(half_up(m.value, 1 << 16), 0x7fff);
  return wrapped(half_up(sum * factor, INT64_C(1) << (15 - m.shift)));
}

class Plain {
 public:
  Plain(proto::ModelView const& model, ByteView input) : op_(model.op(0)) {
    for (uint32_t i = 0; i < op_.input_count(); ++i) {
      inputs_.push_back(model.tensor(op_.input(i)));
      bool const computed = inputs_.back().place == proto::Place::arena;
      data_.push_back(computed ? input.first(inputs_.back().size_bytes)
                               : model.constant(inputs_.back()));
      if (computed) input = input.subspan(inputs_.back().size_bytes);
    }
    output_ = model.tensor(op_.output(0));
  }

  auto run() -> Bytes {
    Bytes out;
    for (uint32_t i = 0; i < output_.elements; ++i) {
      auto const result = static_cast<uint64_t>(value(position(i)));
      for (uint32_t k = 0; k < proto::element_bytes(output_.type); ++k)
        out.push_back(static_cast<uint8_t>(result >> 8 * k));
    }
    return out;
  }

 private:
  /// Four coordinates of an output value; leading ones are 0 where it has fewer.
  auto position(uint32_t i) const -> Index {
    Index at{};
    int64_t rest = i;
    for (uint32_t d = output_.rank; d-- > 0;) {
      at[4 - output_.rank + d] = rest % output_.shape[d];
      rest /= output_.shape[d];
    }
    return at;
  }

  auto value(Index const& at) const -> int64_t {
    switch (op_.code()) {
      case Opcode::conv_2d:
        return conv(at, false);
      case Opcode::depthwise_conv_2d:
        return conv(at, true);
      case Opcode::fully_connected:
        return fully_connected(at);
      case Opcode::add:
        return add(at, 1);
      case Opcode::sub:
        return add(at, -1);
      case Opcode::mean:
        return mean(at);
      default:
        return pool(at);
    }
  }

  auto number(size_t input, int64_t i) const -> int64_t {
    auto const at = static_cast<size_t>(i);
    int32_t const stored =
        inputs_[input].type == proto::TensorType::int16
            ? static_cast<int16_t>(proto::layout::little<uint16_t>(data_[input], 2 * at))
            : static_cast<int8_t>(data_[input][at]);
    return stored - inputs_[input].zero_point;
  }
  auto pixel(int64_t n, int64_t y, int64_t x, int64_t c) const -> int64_t {
    auto const& s = inputs_[0].shape;
    return number(0, ((n * s[1] + y) * s[2] + x) * s[3] + c);
  }
  auto inside(int64_t y, int64_t x) const -> bool {
    return y >= 0 && x >= 0 && y < inputs_[0].shape[1] && x < inputs_[0].shape[2];
  }
  auto word(size_t input, int64_t i) const -> int32_t {
    return static_cast<int32_t>(
        proto::layout::little<uint32_t>(data_[input], static_cast<size_t>(4 * i)));
  }
  auto channel_output(int64_t sum, int64_t channel, proto::Clamp clamp) const -> int64_t {
    proto::Multiplier const m{word(3, channel),
                              static_cast<int8_t>(data_[4][static_cast<size_t>(channel)])};
    if (inputs_[2].type == proto::TensorType::int32)
      return finished(sum + word(2, channel), m, clamp);
    auto const bias = static_cast<int64_t>(
        proto::layout::little<uint64_t>(data_[2], static_cast<size_t>(8 * channel)));
    return std::clamp<int64_t>(scaled_wide(sum + bias, m), clamp.low, clamp.high);
  }
  auto finished(int64_t sum, proto::Multiplier m, proto::Clamp clamp) const -> int64_t {
    int64_t const value = wrapped(scaled(wrapped(sum), m, op_.rounding()) + output_.zero_point);
    return std::clamp<int64_t>(value, clamp.low, clamp.high);
  }
  auto whole() const -> proto::Clamp {
    bool const wide = output_.type == proto::TensorType::int16;
    return wide ? proto::Clamp{-32768, 32767} : proto::Clamp{-128, 127};
  }

  auto conv(Index const& at, bool depthwise) const -> int64_t {
    auto const p = op_.params<proto::ConvParams>();
    auto const& w = inputs_[1].shape;
    int64_t const depth = inputs_[0].shape[3];
    int64_t const channels = output_.shape[3];
    int64_t sum = 0;
    for (int64_t ky = 0; ky < w[1]; ++ky)
      for (int64_t kx = 0; kx < w[2]; ++kx) {
        int64_t const y =
            at[1] * p.window.stride_height - p.window.pad_top + ky * p.dilation_height;
        int64_t const x = at[2] * p.window.stride_width - p.window.pad_left + kx * p.dilation_width;
        if (!inside(y, x)) continue;
        if (depthwise) {
          sum += pixel(at[0], y, x, at[3] / (channels / depth)) *
                 number(1, (ky * w[2] + kx) * channels + at[3]);
          continue;
        }
        for (int64_t c = 0; c < depth; ++c)
          sum += pixel(at[0], y, x, c) * number(1, ((at[3] * w[1] + ky) * w[2] + kx) * depth + c);
      }
    return channel_output(sum, at[3], p.clamp);
  }

  auto fully_connected(Index const& at) const -> int64_t {
    int64_t const depth = inputs_[1].shape[1];
    int64_t sum = 0;
    for (int64_t k = 0; k < depth; ++k)
      sum += number(0, at[2] * depth + k) * number(1, at[3] * depth + k);
    return channel_output(sum, at[3], op_.params<proto::FullyConnectedParams>().clamp);
  }

  auto broadcast(size_t input, Index const& at) const -> int64_t {
    auto const& tensor = inputs_[input];
    int64_t i = 0;
    for (uint32_t d = 0; d < tensor.rank; ++d)
      i = i * tensor.shape[d] + (tensor.shape[d] == 1 ? 0 : at[4 - tensor.rank + d]);
    return number(input, i);
  }

  auto add(Index const& at, int64_t sign) const -> int64_t {
    auto const p = op_.params<proto::AddParams>();
    int64_t const factor = INT64_C(1) << p.left_shift;
    return finished(scaled(broadcast(0, at) * factor, p.first, op_.rounding()) +
                        sign * scaled(broadcast(1, at) * factor, p.second, op_.rounding()),
                    p.output, p.clamp);
  }

  auto pool(Index const& at) const -> int64_t {
    auto const p = op_.params<proto::PoolParams>();
    int64_t sum = 0;
    int64_t count = 0;
    int64_t highest = INT64_MIN;
    for (int64_t ky = 0; ky < p.filter_height; ++ky)
      for (int64_t kx = 0; kx < p.filter_width; ++kx) {
        int64_t const y = at[1] * p.window.stride_height - p.window.pad_top + ky;
        int64_t const x = at[2] * p.window.stride_width - p.window.pad_left + kx;
        if (!inside(y, x)) continue;
        int64_t const stored = pixel(at[0], y, x, at[3]) + inputs_[0].zero_point;
        sum += stored;
        highest = std::max(highest, stored);
        ++count;
      }
    int64_t result = highest;
    if (op_.code() == Opcode::average_pool_2d) result = half_away(sum, count);
    if (op_.code() == Opcode::average_pool_2d_up) result = floored(2 * sum + count, 2 * count);
    return std::clamp<int64_t>(result, p.clamp.low, p.clamp.high);
  }

  auto mean(Index const& at) const -> int64_t {
    auto const p = op_.params<proto::MeanParams>();
    int64_t sum = 0;
    for (uint32_t i = 0; i < inputs_[0].elements; ++i) {
      int64_t rest = i;
      bool same = true;
      for (size_t d = 4; d-- > 0;) {
        same &= (p.axes >> d & 1) || rest % inputs_[0].shape[d] == at[d];
        rest /= inputs_[0].shape[d];
      }
      if (same) sum += number(0, i);
    }
    return finished(sum, p.multiplier, whole());
  }

  proto::Operator op_;
  std::vector<proto::Tensor> inputs_;
  std::vector<ByteView> data_;
  proto::Tensor output_;
};

}  // namespace

auto plain_output(proto::ModelView const& model, ByteView input) -> Bytes {
  return Plain(model, input).run();
}

}  // namespace godwit::engine
