// Plans that let outputs overlap dying inputs: every path of the engine must answer as without.
#include <gtest/gtest.h>

#include "compiler/memory/overlap.h"
#include "compiler/memory/plan.h"
#include "tests/unit/compiler/pass/small_graph.h"

namespace godwit::compiler {
namespace {

auto planned(Graph graph) -> Graph {
  auto const bytes = plan_memory(graph);
  EXPECT_TRUE(bytes);
  return graph;
}

/// Whether any output shares bytes with an input of its operator.
auto overlaps_somewhere(Graph const& graph) -> bool {
  auto const lives = lifetimes(graph);
  for (auto const& op : graph.operators)
    for (uint32_t input : op.inputs) {
      if (input >= lives.size()) continue;
      auto const a = graph.tensors[input].arena_offset;
      auto const b = graph.tensors[op.outputs[0]].arena_offset;
      if (a < b + lives[op.outputs[0]].size_bytes && b < a + lives[input].size_bytes) return true;
    }
  return false;
}

void expect_same_everywhere(Graph const& graph, uint32_t seed, uint32_t& overlapping) {
  auto const plan = planned(graph);
  overlapping += overlaps_somewhere(plan);
  auto const expected = outputs_of(graph, seed, 6, "portable");
  for (auto const& path : engine::path_names())
    if (engine::check_options({.path = path})) {
      ASSERT_EQ(outputs_of(plan, seed, 6, path), expected) << path << ", seed " << seed;
    }
}

TEST(Overlap, ChangesNoOutputOfAConvolution) {
  uint32_t overlapping = 0;
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    SmallGraph builder(seed);
    auto const size = static_cast<uint32_t>(builder.pick(6, 24));
    auto const channels = static_cast<uint32_t>(builder.pick(1, 70));
    auto value = builder.input({1, size, size, channels});
    SmallGraph::Matrix const matrix{.channels = static_cast<uint32_t>(builder.pick(1, 70)),
                                    .kernel = builder.pick(0, 1) ? 3u : 1u,
                                    .stride = builder.pick(1, 2),
                                    .padded = builder.pick(0, 1) == 1};
    if (builder.pick(0, 2))
      value = builder.conv(value, matrix);
    else
      value = builder.depthwise(
          value, {.channels = 1, .kernel = 3, .stride = matrix.stride, .padded = matrix.padded});
    value = builder.average_pool(value);
    expect_same_everywhere(builder.finish({builder.fully_connected(value, 5, 0)}), seed,
                           overlapping);
  }
  EXPECT_GT(overlapping, 100u);
}

TEST(Overlap, ChangesNoOutputOfANetworkWithAShortcut) {
  uint32_t overlapping = 0;
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    SmallGraph builder(seed);
    auto const channels = static_cast<uint32_t>(builder.pick(1, 40));
    auto const size = static_cast<uint32_t>(builder.pick(4, 16));
    auto value = builder.conv(builder.input({1, size, size, 3}), {.channels = channels});
    auto const shortcut = value;
    value = builder.conv(value, {.channels = channels, .kernel = 3, .padded = true});
    value = builder.conv(value, {.channels = channels, .kernel = 3, .padded = true});
    value = builder.add(shortcut, value);
    value = builder.reshape(value, {1, size * size * channels});
    expect_same_everywhere(builder.finish({builder.fully_connected(value, 5, 0)}), seed,
                           overlapping);
  }
  EXPECT_EQ(overlapping, 60u);
}

TEST(Overlap, OnlyOfInputsThatNobodyReadsLater) {
  SmallGraph builder(1);
  auto const first = builder.conv(builder.input({1, 8, 8, 4}), {.channels = 4});
  auto const second = builder.conv(first, {.channels = 4});
  auto const graph = builder.finish({builder.add(first, second)});
  auto const overlaps = find_overlaps(graph, lifetimes(graph));
  for (auto const& overlap : overlaps)
    EXPECT_FALSE(overlap.output == second && overlap.input == first);
  EXPECT_EQ(overlaps.size(), 3u);  // the input under `first`, and both under the sum
}

TEST(Arena, IsTheBoundWhereNothingMayOverlapAndLessWhereItMay) {
  std::vector<Lifetime> const chain = {{1000, 0, 1}, {2000, 1, 2}, {500, 2, 3}};
  EXPECT_EQ(plan_arena(chain, {}).size_bytes, live_bytes_max(chain));
  std::vector<Overlap> const overlaps = {{1, 0, 1200, false}};
  EXPECT_EQ(plan_arena(chain, overlaps).size_bytes, 2512u);  // aligned: the chain's last two
  std::vector<Lifetime> const sum = {{1024, 0, 1}, {1024, 0, 1}, {1024, 1, 2}};
  EXPECT_EQ(plan_arena(sum, {}).size_bytes, 3072u);
  EXPECT_EQ(plan_arena(sum, {{2, 0, 1024, true}}).size_bytes, 2048u);
}

TEST(Arena, PlacesThousandsOfValuesThatAreAliveAtOnce) {
  std::vector<Lifetime> const values(3000, {16, 0, 1});
  EXPECT_EQ(plan_arena(values, {}).size_bytes, 48'000u);
}

TEST(Memory, GraphsThatAreTooLargeToPlanAreRefused) {
  Graph many{.tensors = {}, .operators = {}, .input_count = 6000, .outputs = {}};
  for (uint32_t i = 0; i < many.input_count; ++i) {
    many.tensors.push_back({.name = "in", .shape = {1}, .scales = {0.1f}});
    many.outputs.push_back(i);
  }
  EXPECT_FALSE(plan_memory(many));
}

}  // namespace
}  // namespace godwit::compiler
