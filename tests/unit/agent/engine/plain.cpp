#include "tests/unit/agent/engine/plain.h"

#include "tests/unit/agent/engine/plain_operands.h"

namespace godwit::engine {

namespace {

class Plain : public PlainOperands {
 public:
  using PlainOperands::PlainOperands;

 private:
  auto value(Index const& at) const -> int64_t override {
    switch (op_.code()) {
      case Opcode::conv_2d:
        return conv(at, false);
      case Opcode::depthwise_conv_2d:
        return conv(at, true);
      case Opcode::fully_connected:
        return fully_connected(at);
      case Opcode::fully_connected_4:
        return fully_connected_4(at);
      case Opcode::add:
        return add(at, 1);
      case Opcode::sub:
        return add(at, -1);
      case Opcode::mean:
        return mean(at);
      case Opcode::transpose_conv:
        return transpose_conv(at);
      default:
        return pool(at);
    }
  }

  auto pixel(int64_t n, int64_t y, int64_t x, int64_t c) const -> int64_t {
    auto const& s = inputs_[0].shape;
    return number(0, ((n * s[1] + y) * s[2] + x) * s[3] + c);
  }
  auto inside(int64_t y, int64_t x) const -> bool {
    return y >= 0 && x >= 0 && y < inputs_[0].shape[1] && x < inputs_[0].shape[2];
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

  /// Every input pixel whose window has a tap on this output.
  auto transpose_conv(Index const& at) const -> int64_t {
    auto const p = op_.params<proto::TransposeConvParams>();
    auto const& in = inputs_[0].shape;
    auto const& w = inputs_[1].shape;
    int64_t sum = 0;
    for (int64_t y = 0; y < in[1]; ++y)
      for (int64_t x = 0; x < in[2]; ++x) {
        int64_t const ky = at[1] + p.window.pad_top - y * p.window.stride_height;
        int64_t const kx = at[2] + p.window.pad_left - x * p.window.stride_width;
        if (ky < 0 || kx < 0 || ky >= w[1] || kx >= w[2]) continue;
        for (int64_t c = 0; c < in[3]; ++c)
          sum += pixel(at[0], y, x, c) * number(1, ((at[3] * w[1] + ky) * w[2] + kx) * w[3] + c);
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

  auto fully_connected_4(Index const& at) const -> int64_t {
    int64_t const bytes = inputs_[1].shape[1];
    int64_t sum = 0;
    for (int64_t k = 0; k < 2 * bytes; ++k) {
      auto const pair = static_cast<uint8_t>(number(1, at[3] * bytes + k / 2));
      int64_t const weight = k % 2 == 0 ? pair % 16 : pair / 16;
      sum += number(0, at[2] * 2 * bytes + k) * (weight < 8 ? weight : weight - 16);
    }
    return channel_output(sum, at[3], op_.params<proto::FullyConnectedParams>().clamp);
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
};

}  // namespace

auto plain_output(proto::ModelView const& model, ByteView input) -> Bytes {
  switch (model.op(0).code()) {
    case Opcode::conv_2d:
    case Opcode::depthwise_conv_2d:
    case Opcode::fully_connected:
    case Opcode::fully_connected_4:
    case Opcode::transpose_conv:
    case Opcode::add:
    case Opcode::sub:
    case Opcode::mean:
    case Opcode::average_pool_2d:
    case Opcode::average_pool_2d_up:
    case Opcode::max_pool_2d:
      return Plain(model, input).run();
    case Opcode::unidirectional_sequence_lstm:
    case Opcode::lstm_4:
    case Opcode::svdf:
      return plain_recurrent(model, input);
    default:
      return plain_values(model, input);
  }
}

}  // namespace godwit::engine
