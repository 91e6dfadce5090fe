#include "compiler/pass/fold.h"

#include <algorithm>

#include "agent/engine/fixed_point.h"
#include "proto/format/operators.h"

namespace godwit::compiler {

namespace {

using proto::Opcode;
using proto::OperatorSpec;

/// The convolution's window starts outside the input instead: what lies there counts as the zero
/// point, which is what was padded.
auto fold_pad(Graph const& graph, OperatorSpec const& pad, OperatorSpec& consumer) -> bool {
  if (consumer.code != Opcode::conv_2d && consumer.code != Opcode::depthwise_conv_2d) return false;
  auto const p = params_of<proto::PadParams>(pad);
  auto const& in = graph.tensors[pad.inputs[0]];
  auto const& out = graph.tensors[pad.outputs[0]];
  bool const spatial =
      in.shape.size() == 4 && in.shape[0] == out.shape[0] && in.shape[3] == out.shape[3];
  if (!spatial || in.zero_point != out.zero_point || p.value != in.zero_point) return false;
  auto window = params_of<proto::ConvParams>(consumer);
  window.window.pad_top += p.before[1];
  window.window.pad_left += p.before[2];
  consumer.params = proto::param_words(window);
  return true;
}

auto fold_reshape(Graph const& graph, OperatorSpec const& reshape, OperatorSpec const& consumer)
    -> bool {
  auto const& in = graph.tensors[reshape.inputs[0]];
  auto const& out = graph.tensors[reshape.outputs[0]];
  bool const flat =
      consumer.code == Opcode::fully_connected || consumer.code == Opcode::fully_connected_4;
  return flat && in.type == out.type && in.zero_point == out.zero_point;
}

/// A table that no other operator reads.
auto own_table(Graph& graph, OperatorSpec const& lookup) -> Bytes* {
  auto const table = lookup.inputs[1];
  auto const readers =
      std::count_if(graph.operators.begin(), graph.operators.end(), [&](OperatorSpec const& op) {
        return std::count(op.inputs.begin(), op.inputs.end(), table) > 0;
      });
  return readers == 1 ? &*graph.tensors[table].data : nullptr;
}

/// A value times what a table makes of it is a table too: so are SILU and its like.
auto fold_into_product(Graph& graph, OperatorSpec const& lookup, OperatorSpec& product) -> bool {
  uint32_t const from = lookup.inputs[0];
  uint32_t const made = lookup.outputs[0];
  auto const& output = graph.tensors[product.outputs[0]];
  bool const together = std::is_permutation(product.inputs.begin(), product.inputs.end(),
                                            std::array{from, made}.begin());
  auto* const table = together ? own_table(graph, lookup) : nullptr;
  if (!table || output.shape != graph.tensors[from].shape) return false;
  for (auto value : {from, made, product.outputs[0]})
    if (graph.tensors[value].type != proto::TensorType::int8 || graph.tensors[value].state)
      return false;
  auto const p = params_of<proto::MulParams>(product);
  for (int32_t value = -128; value <= 127; ++value) {
    auto& byte = (*table)[static_cast<uint8_t>(value)];
    int32_t const other = static_cast<int8_t>(byte) - graph.tensors[made].zero_point;
    byte = static_cast<uint8_t>(engine::requantise((value - graph.tensors[from].zero_point) * other,
                                                   p.multiplier, output.zero_point, p.clamp,
                                                   graph.rounding));
  }
  product = {Opcode::lookup, {made, lookup.inputs[1]}, product.outputs, {}};
  return true;
}

auto fold(Graph& graph, OperatorSpec const& op, OperatorSpec& consumer) -> bool {
  if (op.code == Opcode::lookup && consumer.code == Opcode::mul)
    return fold_into_product(graph, op, consumer);
  if (op.code == Opcode::pad) return fold_pad(graph, op, consumer);
  if (op.code == Opcode::reshape) return fold_reshape(graph, op, consumer);
  return false;
}

/// Where the only reader of an operator's output stands; none if there is not exactly one.
auto only_consumer(Graph const& graph, uint32_t value) -> std::optional<size_t> {
  if (std::count(graph.outputs.begin(), graph.outputs.end(), value)) return std::nullopt;
  std::optional<size_t> found;
  for (size_t i = 0; i < graph.operators.size(); ++i) {
    auto const& inputs = graph.operators[i].inputs;
    auto const readings = std::count(inputs.begin(), inputs.end(), value);
    if (readings == 0) continue;
    if (found || readings > 1) return std::nullopt;
    found = i;
  }
  return found;
}

/// Takes an operator out whose reader reads its input from now on; numbers close up.
void erase(Graph& graph, size_t index, OperatorSpec& consumer) {
  uint32_t const from = graph.operators[index].inputs[0];
  uint32_t const gone = graph.operators[index].outputs[0];
  std::replace(consumer.inputs.begin(), consumer.inputs.end(), gone, from);
  graph.operators.erase(graph.operators.begin() + static_cast<ptrdiff_t>(index));
  graph.tensors.erase(graph.tensors.begin() + gone);
  auto const close_up = [gone](std::vector<uint32_t>& values) {
    for (auto& value : values) value -= value > gone;
  };
  for (auto& op : graph.operators) {
    close_up(op.inputs);
    close_up(op.outputs);
  }
  close_up(graph.outputs);
}

}  // namespace

namespace {

/// Whether an operator has no effect but a value that nobody reads.
auto is_idle(Graph const& graph, OperatorSpec const& op) -> bool {
  if (op.outputs.size() != 1) return false;
  auto const value = op.outputs[0];
  auto const reads = [&](OperatorSpec const& reader) {
    return std::count(reader.inputs.begin(), reader.inputs.end(), value) > 0;
  };
  auto const keeps_state = [&](uint32_t input) { return graph.tensors[input].state; };
  return !std::count(graph.outputs.begin(), graph.outputs.end(), value) &&
         std::none_of(graph.operators.begin(), graph.operators.end(), reads) &&
         std::none_of(op.inputs.begin(), op.inputs.end(), keeps_state);
}

}  // namespace

void remove_idle(Graph& graph) {
  for (size_t i = graph.operators.size(); i-- > 0;) {
    if (!is_idle(graph, graph.operators[i])) continue;
    OperatorSpec nobody;
    erase(graph, i, nobody);
  }
}

auto fold_into_consumers(Graph& graph) -> uint32_t {
  uint32_t folded = 0;
  for (size_t i = 0; i < graph.operators.size();) {
    auto const& op = graph.operators[i];
    auto const reader = op.outputs.size() == 1 ? only_consumer(graph, op.outputs[0]) : std::nullopt;
    if (!reader || !fold(graph, op, graph.operators[*reader])) {
      ++i;
      continue;
    }
    erase(graph, i, graph.operators[*reader]);
    ++folded;
  }
  return folded;
}

}  // namespace godwit::compiler
