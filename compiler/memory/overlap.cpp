#include "compiler/memory/overlap.h"

#include <algorithm>

#include "proto/format/operators.h"

namespace godwit::compiler {

namespace {

using proto::Opcode;

/// Windows slide over lines: the values of a line of output that may be written, and the line of
/// input that is still needed, at each moment. Linear in the line but where windows enter and leave
/// the input, so that these lines and the ends are all that must be looked at.
auto sliding_distance(std::vector<uint32_t> const& in, std::vector<uint32_t> const& out,
                      proto::Window const& window) -> uint32_t {
  int64_t const in_line = int64_t{in[2]} * in[3];
  int64_t const out_line = int64_t{out[2]} * out[3];
  int64_t const enter = window.pad_top / window.stride_height;
  int64_t const leave = (int64_t{in[1]} + window.pad_top) / window.stride_height;
  int64_t distance = 0;
  for (int64_t line : {INT64_C(0), enter, enter + 1, leave, leave + 1, int64_t{out[1]} - 1}) {
    int64_t const y = std::min(line, int64_t{out[1]} - 1);
    int64_t const top =
        std::clamp<int64_t>(y * window.stride_height - window.pad_top, 0, int64_t{in[1]});
    distance = std::max(distance, (y + 1) * out_line - top * in_line);
  }
  return static_cast<uint32_t>(distance);  // at most the size of the output
}

auto sliding(Graph const& graph, proto::OperatorSpec const& op, proto::Window const& window)
    -> std::optional<Overlap> {
  auto const& in = graph.tensors[op.inputs[0]].shape;
  auto const& out = graph.tensors[op.outputs[0]].shape;
  if (in[0] != 1) return std::nullopt;  // The next image would still be whole.
  auto const width = proto::element_bytes(graph.tensors[op.outputs[0]].type);
  return Overlap{op.outputs[0], op.inputs[0], width * sliding_distance(in, out, window), false};
}

auto same_place(Graph const& graph, proto::OperatorSpec const& op, uint32_t input)
    -> std::optional<Overlap> {
  auto const& in = graph.tensors[input];
  auto const& out = graph.tensors[op.outputs[0]];
  uint64_t in_bytes = proto::element_bytes(in.type);
  uint64_t out_bytes = proto::element_bytes(out.type);
  for (uint32_t extent : in.shape) in_bytes *= extent;
  for (uint32_t extent : out.shape) out_bytes *= extent;
  if (in_bytes != out_bytes) return std::nullopt;
  return Overlap{op.outputs[0], input, static_cast<uint32_t>(out_bytes), true};
}

auto overlap_of(Graph const& graph, proto::OperatorSpec const& op, uint32_t input)
    -> std::optional<Overlap> {
  switch (op.code) {
    case Opcode::conv_2d:
    case Opcode::depthwise_conv_2d:
      return sliding(graph, op, params_of<proto::ConvParams>(op).window);
    case Opcode::average_pool_2d:
    case Opcode::average_pool_2d_up:
    case Opcode::max_pool_2d:
      return sliding(graph, op, params_of<proto::PoolParams>(op).window);
    case Opcode::add:
    case Opcode::reshape:
      return same_place(graph, op, input);
    default:
      return std::nullopt;
  }
}

}  // namespace

auto find_overlaps(Graph const& graph, std::vector<Lifetime> const& lifetimes)
    -> std::vector<Overlap> {
  std::vector<Overlap> overlaps;
  for (uint32_t i = 0; i < graph.operators.size(); ++i) {
    auto const& op = graph.operators[i];
    for (size_t k = 0; k < op.inputs.size(); ++k) {
      uint32_t const input = op.inputs[k];
      bool const again = std::find(op.inputs.begin(), op.inputs.begin() + static_cast<ptrdiff_t>(k),
                                   input) != op.inputs.begin() + static_cast<ptrdiff_t>(k);
      if (input >= lifetimes.size() || lifetimes[input].last != i || again) continue;
      if (auto const overlap = overlap_of(graph, op, input)) overlaps.push_back(*overlap);
    }
  }
  return overlaps;
}

}  // namespace godwit::compiler
