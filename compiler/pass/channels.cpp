#include "compiler/pass/channels.h"

#include "proto/format/operators.h"

namespace godwit::compiler {

namespace {

using proto::Opcode;

auto is_int8(proto::TensorSpec const& tensor) -> bool {
  return tensor.type == proto::TensorType::int8 && is_activation(tensor);
}

auto same_channels(proto::TensorSpec const& in, proto::TensorSpec const& out) -> bool {
  return !in.shape.empty() && !out.shape.empty() && channel_count(in) == channel_count(out);
}

auto mean_keeps_channels(Graph const& graph, proto::OperatorSpec const& op) -> bool {
  auto const& in = graph.tensors[op.inputs[0]];
  auto const axes = params_of<proto::MeanParams>(op).axes;
  return same_channels(in, graph.tensors[op.outputs[0]]) && !(axes >> (in.shape.size() - 1) & 1);
}

auto pad_keeps_channels(Graph const& graph, proto::OperatorSpec const& op) -> bool {
  auto const& in = graph.tensors[op.inputs[0]];
  return same_channels(in, graph.tensors[op.outputs[0]]) &&
         params_of<proto::PadParams>(op).before[in.shape.size() - 1] == 0;
}

}  // namespace

auto channels_of(Graph const& graph, proto::OperatorSpec const& op) -> Channels {
  if (op.outputs.size() != 1) return Channels::opaque;
  auto const& in = graph.tensors[op.inputs[0]];
  auto const& out = graph.tensors[op.outputs[0]];
  if (!is_int8(in) || !is_int8(out)) return Channels::opaque;
  bool const has_weights = op.code == Opcode::conv_2d || op.code == Opcode::depthwise_conv_2d ||
                           op.code == Opcode::fully_connected;
  if (has_weights && graph.tensors[op.inputs[1]].zero_point != 0) return Channels::opaque;
  auto const paired_if = [](bool paired) { return paired ? Channels::paired : Channels::opaque; };
  switch (op.code) {
    case Opcode::conv_2d:
      return Channels::mixed;
    case Opcode::fully_connected: {
      auto const& weights = graph.tensors[op.inputs[1]].shape;
      bool const by_channel =
          channel_count(out) == weights[0] && weights[1] % channel_count(in) == 0;
      return by_channel ? Channels::mixed : Channels::opaque;
    }
    case Opcode::depthwise_conv_2d:
      return Channels::paired;
    case Opcode::add: {
      auto const& second = graph.tensors[op.inputs[1]];
      return paired_if(is_int8(second) && in.shape == out.shape && second.shape == out.shape);
    }
    case Opcode::average_pool_2d:
    case Opcode::max_pool_2d:
      return paired_if(same_channels(in, out));
    case Opcode::mean:
      return paired_if(mean_keeps_channels(graph, op));
    case Opcode::pad:
      return paired_if(pad_keeps_channels(graph, op));
    case Opcode::reshape:
      return paired_if(!in.shape.empty() && channel_count(out) % channel_count(in) == 0);
    default:
      return Channels::opaque;
  }
}

auto input_channel(Graph const& graph, proto::OperatorSpec const& op, uint32_t c) -> uint32_t {
  uint32_t const inputs = channel_count(graph.tensors[op.inputs[0]]);
  if (op.code != Opcode::depthwise_conv_2d) return c % inputs;
  return c / (channel_count(graph.tensors[op.outputs[0]]) / inputs);
}

auto reaches_outside(Graph const& graph, proto::OperatorSpec const& op) -> bool {
  auto const p = params_of<proto::ConvParams>(op);
  auto const& in = graph.tensors[op.inputs[0]].shape;
  auto const& kernel = graph.tensors[op.inputs[1]].shape;
  auto const& out = graph.tensors[op.outputs[0]].shape;
  auto const past = [&](size_t d, int64_t stride, int64_t dilation, int64_t pad) {
    return pad > 0 ||
           (int64_t{out[d]} - 1) * stride + (int64_t{kernel[d]} - 1) * dilation - pad >= in[d];
  };
  return past(1, p.window.stride_height, p.dilation_height, p.window.pad_top) ||
         past(2, p.window.stride_width, p.dilation_width, p.window.pad_left);
}

}  // namespace godwit::compiler
