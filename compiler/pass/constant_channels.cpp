#include "compiler/pass/constant_channels.h"

#include <algorithm>
#include <numeric>

#include "compiler/pass/channels.h"
#include "compiler/pass/intervals.h"
#include "proto/format/model_layout.h"
#include "proto/format/operators.h"

namespace godwit::compiler {

namespace {

using proto::Opcode;

/// All channels of all activations, in groups of those that can only go together: a channel and
/// what paired operators make of it.
class Groups {
 public:
  explicit Groups(Graph const& graph) {
    uint32_t next = 0;
    for (auto const& tensor : graph.tensors) {
      if (!is_activation(tensor)) break;
      first_.push_back(next);
      next += channel_count(tensor);
    }
    first_.push_back(next);
    parent_.resize(next);
    std::iota(parent_.begin(), parent_.end(), 0u);
    kept_.resize(next);
  }

  auto of(uint32_t tensor, uint32_t channel) -> uint32_t {
    uint32_t at = first_[tensor] + channel;
    while (parent_[at] != at) at = parent_[at] = parent_[parent_[at]];
    return at;
  }
  auto channels(uint32_t tensor) const -> uint32_t { return first_[tensor + 1] - first_[tensor]; }
  auto tensors() const -> uint32_t { return static_cast<uint32_t>(first_.size() - 1); }
  void join(uint32_t a, uint32_t b) {
    if (a == b) return;
    kept_[std::min(a, b)] = kept_[a] || kept_[b];
    parent_[std::max(a, b)] = std::min(a, b);
  }
  void keep(uint32_t group) { kept_[group] = true; }
  void keep_all(uint32_t tensor) {
    for (uint32_t c = 0; c < channels(tensor); ++c) keep(of(tensor, c));
  }
  auto kept(uint32_t tensor, uint32_t channel) -> bool { return kept_[of(tensor, channel)]; }

 private:
  std::vector<uint32_t> first_;   // of each tensor, its channel 0
  std::vector<uint32_t> parent_;  // union-find
  std::vector<bool> kept_;        // of the root of a group
};

/// One round: decides which groups can go, and takes them out of the graph.
class Removal {
 public:
  explicit Removal(Graph& graph)
      : graph_(graph), values_(analyse_intervals(graph)), groups_(graph) {}

  /// How many output channels of matrix operators went.
  auto run() -> uint32_t {
    for (auto const& op : graph_.operators) pair(op);
    for (uint32_t i = 0; i < graph_.input_count; ++i) groups_.keep_all(i);
    for (uint32_t output : graph_.outputs) groups_.keep_all(output);
    for (auto const& op : graph_.operators) keep_what_is_needed(op);
    keep_one_of_each();
    uint32_t removed = 0;
    for (auto& op : graph_.operators) removed += cut_constants(op);
    for (uint32_t tensor = 0; tensor < groups_.tensors(); ++tensor) cut_shape(tensor);
    return removed;
  }

 private:
  void pair(proto::OperatorSpec const& op) {
    auto const kind = channels_of(graph_, op);
    if (kind == Channels::opaque) {
      for (uint32_t value : op.inputs)
        if (is_activation(graph_.tensors[value])) groups_.keep_all(value);
      for (uint32_t value : op.outputs) groups_.keep_all(value);
    }
    if (kind != Channels::paired) return;
    uint32_t const out = op.outputs[0];
    for (uint32_t c = 0; c < groups_.channels(out); ++c)
      for (uint32_t value : op.inputs)
        if (is_activation(graph_.tensors[value]))
          groups_.join(groups_.of(out, c), groups_.of(value, input_channel(graph_, op, c)));
  }

  /// Operators that mix channels need those that vary, and constant ones whose part in the sums
  /// depends on the place.
  void keep_what_is_needed(proto::OperatorSpec const& op) {
    if (channels_of(graph_, op) != Channels::mixed) return;
    uint32_t const in = op.inputs[0];
    bool const outside = op.code == Opcode::conv_2d && reaches_outside(graph_, op);
    for (uint32_t c = 0; c < groups_.channels(in); ++c) {
      auto const& value = values_[in][c];
      bool const foldable =
          value.constant() && (!outside || value.low == graph_.tensors[in].zero_point);
      if (!foldable && any_weight(op, c)) groups_.keep(groups_.of(in, c));
    }
  }

  auto any_weight(proto::OperatorSpec const& op, uint32_t c) const -> bool {
    auto const& data = *graph_.tensors[op.inputs[1]].data;
    for (size_t i = c; i < data.size(); i += groups_.channels(op.inputs[0]))
      if (data[i]) return true;
    return false;
  }

  /// A tensor without channels has no shape.
  void keep_one_of_each() {
    for (bool changed = true; changed;) {
      changed = false;
      for (uint32_t tensor = 0; tensor < groups_.tensors(); ++tensor) {
        bool any = false;
        for (uint32_t c = 0; c < groups_.channels(tensor) && !any; ++c)
          any = groups_.kept(tensor, c);
        if (any) continue;
        groups_.keep(groups_.of(tensor, 0));
        changed = true;
      }
    }
  }

  auto cut_constants(proto::OperatorSpec& op) -> uint32_t {
    switch (op.code) {
      case Opcode::conv_2d:
      case Opcode::fully_connected:
        if (channels_of(graph_, op) != Channels::mixed) return 0;
        fold_inputs(op);
        cut_axis(op.inputs[1], graph_.tensors[op.inputs[1]].shape.size() - 1, op.inputs[0]);
        cut_axis(op.inputs[1], 0, op.outputs[0]);
        break;
      case Opcode::depthwise_conv_2d:
        cut_axis(op.inputs[1], 3, op.outputs[0]);
        break;
      default:
        return 0;
    }
    uint32_t removed = 0;
    for (size_t i = 2; i < 5; ++i) removed = cut_axis(op.inputs[i], 0, op.outputs[0]);
    return removed;
  }

  /// What channels that go, and are constant, added to each sum.
  void fold_inputs(proto::OperatorSpec const& op) {
    auto const& weights = graph_.tensors[op.inputs[1]];
    auto& bias = *graph_.tensors[op.inputs[2]].data;
    uint32_t const in = op.inputs[0];
    uint32_t const channels = groups_.channels(in);
    int32_t const zero_point = graph_.tensors[in].zero_point;
    size_t const depth = weights.data->size() / weights.shape[0];
    for (size_t row = 0; row < weights.shape[0]; ++row) {
      auto sum = proto::layout::little<uint32_t>(bias, 4 * row);  // wraps as sums do
      for (size_t k = 0; k < depth; ++k) {
        auto const c = static_cast<uint32_t>(k % channels);
        auto const weight = static_cast<int8_t>((*weights.data)[row * depth + k]);
        if (weight && !groups_.kept(in, c))
          sum += static_cast<uint32_t>(weight * (values_[in][c].low - zero_point));
      }
      for (size_t i = 0; i < 4; ++i) bias[4 * row + i] = static_cast<uint8_t>(sum >> (8 * i));
    }
  }

  /// Takes the indices out of a constant whose channels of `tensor` go; an axis may hold several
  /// runs of all channels, one after another. Returns how many went.
  auto cut_axis(uint32_t constant, size_t axis, uint32_t tensor) -> uint32_t {
    auto& spec = graph_.tensors[constant];
    uint32_t const extent = spec.shape[axis];
    std::vector<bool> keeps(extent);
    for (uint32_t i = 0; i < extent; ++i)
      keeps[i] = groups_.kept(tensor, i % groups_.channels(tensor));
    auto const left = static_cast<uint32_t>(std::count(keeps.begin(), keeps.end(), true));
    if (left == extent) return 0;
    size_t inner = proto::element_bytes(spec.type);
    for (size_t d = axis + 1; d < spec.shape.size(); ++d) inner *= spec.shape[d];
    Bytes data;
    data.reserve(spec.data->size() / extent * left);
    for (size_t at = 0; at < spec.data->size(); at += inner)
      if (keeps[at / inner % extent])
        data.insert(data.end(), spec.data->begin() + static_cast<ptrdiff_t>(at),
                    spec.data->begin() + static_cast<ptrdiff_t>(at + inner));
    spec.data = std::move(data);
    spec.shape[axis] = left;
    if (spec.scales.size() > 1 && spec.scale_axis == axis) cut_scales(spec, keeps);
    return extent - left;
  }

  static void cut_scales(proto::TensorSpec& spec, std::vector<bool> const& keeps) {
    std::vector<float> scales;
    for (size_t i = 0; i < keeps.size(); ++i)
      if (keeps[i]) scales.push_back(spec.scales[i]);
    if (scales.size() == 1) spec.scale_axis = 0;
    spec.scales = std::move(scales);
  }

  void cut_shape(uint32_t tensor) {
    if (graph_.tensors[tensor].shape.empty()) return;
    uint32_t left = 0;
    for (uint32_t c = 0; c < groups_.channels(tensor); ++c) left += groups_.kept(tensor, c);
    graph_.tensors[tensor].shape.back() = left;
  }

  Graph& graph_;
  Intervals const values_;
  Groups groups_;
};

auto matrix_channels(Graph const& graph) -> uint32_t {
  uint32_t count = 0;
  for (auto const& op : graph.operators)
    if (op.code == Opcode::conv_2d || op.code == Opcode::depthwise_conv_2d ||
        op.code == Opcode::fully_connected)
      count += channel_count(graph.tensors[op.outputs[0]]);
  return count;
}

// Bounds the memory and the time of the pass, whatever the graph: what is left when they are used
// up stays as it is. Networks in use have some thousands of channels, and are done after a few
// rounds.
constexpr uint64_t kChannelsMax = 1u << 22;
constexpr uint64_t kVisitsMax = 1u << 30;

auto all_channels(Graph const& graph) -> uint64_t {
  uint64_t count = 0;
  for (auto const& tensor : graph.tensors)
    if (is_activation(tensor)) count += channel_count(tensor);
  return count;
}

/// How many channels and weights a round looks at.
auto visits(Graph const& graph) -> uint64_t {
  uint64_t count = all_channels(graph);
  for (auto const& op : graph.operators)
    for (uint32_t input : op.inputs)
      count += is_activation(graph.tensors[input]) ? channel_count(graph.tensors[input])
                                                   : element_count(graph.tensors[input]);
  return count;
}

}  // namespace

auto remove_constant_channels(Graph& graph) -> RemovedChannels {
  RemovedChannels result{.all = matrix_channels(graph)};
  if (all_channels(graph) > kChannelsMax) return result;
  for (uint64_t left = kVisitsMax, round = visits(graph); round <= left; round = visits(graph)) {
    left -= round;
    uint32_t const removed = Removal(graph).run();
    if (removed == 0) break;
    result.removed += removed;
  }
  return result;
}

}  // namespace godwit::compiler
