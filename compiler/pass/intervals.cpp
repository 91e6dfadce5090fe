#include "compiler/pass/intervals.h"

#include <algorithm>

#include "agent/engine/fixed_point.h"
#include "compiler/pass/channels.h"
#include "proto/format/model_layout.h"

namespace godwit::compiler {

namespace {

using proto::Clamp;
using proto::Multiplier;
using proto::Opcode;

/// The range of an accumulator. Sums of int8 products of any model that fits fit int64 by far.
struct Range {
  int64_t low = 0;
  int64_t high = 0;

  void add(int32_t weight, Interval const& value, int32_t zero_point) {
    int64_t const a = int64_t{weight} * (value.low - zero_point);
    int64_t const b = int64_t{weight} * (value.high - zero_point);
    low += std::min(a, b);
    high += std::max(a, b);
  }
  void add(Range const& other) {
    low += other.low;
    high += other.high;
  }
  /// What may also be left out counts as zero.
  auto or_zero() const -> Range { return {std::min<int64_t>(low, 0), std::max<int64_t>(high, 0)}; }
};

/// The arithmetic is monotone as long as nothing wraps; where something could, nothing is known.
auto requantised(Range const& range, Multiplier m, int32_t zero_point, Clamp clamp,
                 proto::Rounding rounding) -> Interval {
  int64_t const limit = (INT64_C(1) << 30) >> std::max(m.shift, 0);
  if (range.low < -limit || range.high > limit) return {clamp.low, clamp.high};
  return {engine::requantise(static_cast<int32_t>(range.low), m, zero_point, clamp, rounding),
          engine::requantise(static_cast<int32_t>(range.high), m, zero_point, clamp, rounding)};
}

class Analysis {
 public:
  explicit Analysis(Graph const& graph) : graph_(graph) {
    for (auto const& tensor : graph.tensors)
      if (is_activation(tensor)) values_.emplace_back(channel_count(tensor));
  }

  auto run() -> Intervals {
    for (auto const& op : graph_.operators) {
      auto const kind = channels_of(graph_, op);
      if (kind == Channels::opaque) continue;
      auto& out = values_[op.outputs[0]];
      for (uint32_t c = 0; c < out.size(); ++c) out[c] = interval(op, kind, c);
    }
    return std::move(values_);
  }

 private:
  auto interval(proto::OperatorSpec const& op, Channels kind, uint32_t c) const -> Interval {
    if (kind == Channels::mixed) return mixed(op, c);
    auto const& in = values_[op.inputs[0]][input_channel(graph_, op, c)];
    auto const clamped = [&](Clamp clamp) {
      return Interval{std::clamp(in.low, clamp.low, clamp.high),
                      std::clamp(in.high, clamp.low, clamp.high)};
    };
    switch (op.code) {
      case Opcode::depthwise_conv_2d:
        return depthwise(op, c, in);
      case Opcode::add:
        return sum(op, in, values_[op.inputs[1]][c]);
      case Opcode::average_pool_2d:
      case Opcode::max_pool_2d:
        return clamped(params_of<proto::PoolParams>(op).clamp);
      case Opcode::mean:
        return mean(op, in);
      case Opcode::pad: {
        auto const value = params_of<proto::PadParams>(op).value;
        return {std::min(in.low, value), std::max(in.high, value)};
      }
      default:
        return in;
    }
  }

  auto weight(proto::OperatorSpec const& op, uint64_t i) const -> int32_t {
    return static_cast<int8_t>((*graph_.tensors[op.inputs[1]].data)[i]);
  }

  auto requantised_channel(proto::OperatorSpec const& op, uint32_t c, Range range,
                           Clamp clamp) const -> Interval {
    auto const& bias = *graph_.tensors[op.inputs[2]].data;
    auto const& values = *graph_.tensors[op.inputs[3]].data;
    auto const& shifts = *graph_.tensors[op.inputs[4]].data;
    auto const b = static_cast<int32_t>(proto::layout::little<uint32_t>(bias, 4 * size_t{c}));
    range.add({b, b});
    Multiplier const m{static_cast<int32_t>(proto::layout::little<uint32_t>(values, 4 * size_t{c})),
                       static_cast<int8_t>(shifts[c])};
    return requantised(range, m, graph_.tensors[op.outputs[0]].zero_point, clamp, graph_.rounding);
  }

  auto mixed(proto::OperatorSpec const& op, uint32_t c) const -> Interval {
    bool const conv = op.code == Opcode::conv_2d;
    bool const outside = conv && reaches_outside(graph_, op);
    auto const clamp = conv ? params_of<proto::ConvParams>(op).clamp
                            : params_of<proto::FullyConnectedParams>(op).clamp;
    auto const& in = values_[op.inputs[0]];
    int32_t const zero_point = graph_.tensors[op.inputs[0]].zero_point;
    auto const& shape = graph_.tensors[op.inputs[1]].shape;
    uint64_t const depth = element_count(graph_.tensors[op.inputs[1]]) / shape[0];
    Range total;
    for (uint64_t tap = 0; tap < depth / in.size(); ++tap) {
      Range pixel;
      for (uint64_t k = 0; k < in.size(); ++k)
        pixel.add(weight(op, c * depth + tap * in.size() + k), in[k], zero_point);
      total.add(outside ? pixel.or_zero() : pixel);
    }
    return requantised_channel(op, c, total, clamp);
  }

  auto depthwise(proto::OperatorSpec const& op, uint32_t c, Interval const& in) const -> Interval {
    bool const outside = reaches_outside(graph_, op);
    uint64_t const channels = values_[op.outputs[0]].size();
    uint64_t const taps = element_count(graph_.tensors[op.inputs[1]]) / channels;
    Range total;
    for (uint64_t tap = 0; tap < taps; ++tap) {
      Range pixel;
      pixel.add(weight(op, tap * channels + c), in, graph_.tensors[op.inputs[0]].zero_point);
      total.add(outside ? pixel.or_zero() : pixel);
    }
    return requantised_channel(op, c, total, params_of<proto::ConvParams>(op).clamp);
  }

  auto sum(proto::OperatorSpec const& op, Interval const& a, Interval const& b) const -> Interval {
    auto const p = params_of<proto::AddParams>(op);
    auto const of = [&](int32_t left, int32_t right) -> int32_t {
      auto const scaled = [&](size_t input, int32_t value, Multiplier m) {
        int32_t const zero_point = graph_.tensors[op.inputs[input]].zero_point;
        return engine::scale(engine::wrap_shift_left(value - zero_point, p.left_shift), m,
                             graph_.rounding);
      };
      return engine::requantise(scaled(0, left, p.first) + scaled(1, right, p.second), p.output,
                                graph_.tensors[op.outputs[0]].zero_point, p.clamp, graph_.rounding);
    };
    // A factor above one could wrap, and is then not monotone.
    if (p.output.shift > 0) return {p.clamp.low, p.clamp.high};
    return {of(a.low, b.low), of(a.high, b.high)};
  }

  auto mean(proto::OperatorSpec const& op, Interval const& in) const -> Interval {
    auto const& source = graph_.tensors[op.inputs[0]];
    auto const& out = graph_.tensors[op.outputs[0]];
    auto const count = static_cast<int64_t>(element_count(source) / element_count(out));
    Range const total{count * (in.low - source.zero_point), count * (in.high - source.zero_point)};
    return requantised(total, params_of<proto::MeanParams>(op).multiplier, out.zero_point,
                       {.low = -128, .high = 127}, graph_.rounding);
  }

  Graph const& graph_;
  Intervals values_;
};

}  // namespace

auto analyse_intervals(Graph const& graph) -> Intervals {
  return Analysis(graph).run();
}

}  // namespace godwit::compiler
