#include "compiler/memory/plan.h"

#include <algorithm>

#include "compiler/memory/overlap.h"
#include "proto/format/model.h"

namespace godwit::compiler {

namespace {

/// How many pairs of values may be alive at once: what placing them remembers. Networks of a
/// thousand operators have some tens of thousands.
constexpr uint64_t kPairsMax = 1u << 24;

auto pairs_alive(std::vector<Lifetime> const& values) -> uint64_t {
  uint32_t end = 0;
  for (auto const& value : values) end = std::max(end, value.last + 2);
  std::vector<uint64_t> born(end);
  std::vector<uint64_t> dead(end);
  for (auto const& value : values) {
    ++born[value.first];
    ++dead[value.last + 1];
  }
  uint64_t alive = 0;
  uint64_t pairs = 0;
  for (uint32_t i = 0; i < end; ++i) {
    alive -= dead[i];
    pairs += born[i] * alive + born[i] * (born[i] - std::min<uint64_t>(born[i], 1)) / 2;
    alive += born[i];
  }
  return pairs;
}

auto size_bytes(proto::TensorSpec const& tensor) -> uint32_t {
  uint32_t size = proto::element_bytes(tensor.type);
  for (uint32_t extent : tensor.shape) size *= extent;  // bounded when the file was read
  return size;
}

}  // namespace

auto lifetimes(Graph const& graph) -> std::vector<Lifetime> {
  std::vector<Lifetime> out;
  for (auto const& tensor : graph.tensors)
    if (is_activation(tensor)) out.push_back({size_bytes(tensor), 0, 0});
  for (uint32_t i = 0; i < graph.operators.size(); ++i) {
    for (uint32_t value : graph.operators[i].outputs) out[value].first = out[value].last = i;
    for (uint32_t value : graph.operators[i].inputs)
      if (value < out.size()) out[value].last = i;
  }
  auto const end = static_cast<uint32_t>(graph.operators.size());
  for (uint32_t value : graph.outputs) out[value].last = end;
  return out;
}

auto plan_memory(Graph& graph) -> Result<uint32_t> {
  auto const values = lifetimes(graph);
  uint64_t total = 0;
  for (auto const& value : values) total += value.size_bytes;
  if (total > UINT32_MAX) return invalid("the activations of the graph are too large");
  if (values.size() > proto::kTensorsMax || pairs_alive(values) > kPairsMax)
    return invalid("too many values are alive at once");
  auto const plan = plan_arena(values, find_overlaps(graph, values));
  if (plan.size_bytes > proto::kArenaBytesMax)
    return invalid("the graph needs an arena of " + std::to_string(plan.size_bytes) + " bytes; " +
                   std::to_string(proto::kArenaBytesMax) + " are possible");
  for (size_t i = 0; i < values.size(); ++i) graph.tensors[i].arena_offset = plan.offsets[i];
  return plan.size_bytes;
}

}  // namespace godwit::compiler
