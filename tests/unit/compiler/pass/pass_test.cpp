// What passes may do is everything but one thing: change a byte of an output.
#include <gtest/gtest.h>

#include "compiler/pass/constant_channels.h"
#include "compiler/pass/fold.h"
#include "tests/unit/compiler/pass/small_graph.h"

namespace godwit::compiler {
namespace {

constexpr uint32_t kRows = 20;

/// A separable network with a shortcut; many channels are decided or not read.
auto network(uint32_t seed) -> Graph {
  SmallGraph graph(seed);
  auto const percent = [&] { return static_cast<uint32_t>(graph.pick(0, 60)); };
  auto const size = static_cast<uint32_t>(graph.pick(4, 9));
  auto value = graph.input({1, size, size, 3});
  value =
      graph.conv(value, {.channels = 8, .kernel = 3, .padded = true, .decided_percent = percent()});
  value = graph.depthwise(value, {.channels = static_cast<uint32_t>(graph.pick(1, 2)),
                                  .kernel = 3,
                                  .padded = graph.pick(0, 1) == 1,
                                  .decided_percent = percent()});
  value = graph.conv(value,
                     {.channels = 12, .decided_percent = percent(), .unread_percent = percent()});
  auto const shortcut = value;
  value = graph.pad(value, 1, graph.pick(0, 1) == 1);
  value = graph.conv(
      value,
      {.channels = 12, .kernel = 3, .decided_percent = percent(), .unread_percent = percent()});
  value = graph.add(shortcut, value);
  value = graph.average_pool(value);
  value = graph.conv(value,
                     {.channels = 10, .decided_percent = percent(), .unread_percent = percent()});
  auto const outputs = static_cast<uint32_t>(graph.pick(2, 5));
  return graph.finish({graph.fully_connected(value, outputs, percent())});
}

TEST(ConstantChannels, ChangeNoOutput) {
  uint32_t removed = 0;
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    auto graph = network(seed);
    auto const before = outputs_of(graph, seed, kRows);
    removed += remove_constant_channels(graph).removed;
    ASSERT_EQ(outputs_of(graph, seed, kRows), before) << "seed " << seed;
  }
  EXPECT_GT(removed, 1000u);
}

TEST(ConstantChannels, WhatIsRemovedHadNoInfluence) {
  // A row of weights that is removed may hold anything, as long as its channel stays decided.
  for (uint32_t seed = 1; seed <= 50; ++seed) {
    SmallGraph builder(seed);
    auto value = builder.input({1, 5, 5, 3});
    value = builder.conv(value, {.channels = 16, .kernel = 3, .decided_percent = 50});
    value = builder.mean(builder.conv(value, {.channels = 8}));
    auto const graph = builder.finish({value});
    auto const before = outputs_of(graph, seed, kRows);
    auto other = graph;
    auto const& first = graph.operators[0];
    auto const& bias = *graph.tensors[first.inputs[2]].data;
    auto& weights = *other.tensors[first.inputs[1]].data;
    for (size_t c = 0; c < 16; ++c) {
      auto const b =
          static_cast<int32_t>(bias[4 * c] | bias[4 * c + 1] << 8 | bias[4 * c + 2] << 16 |
                               static_cast<uint32_t>(bias[4 * c + 3]) << 24);
      if (std::abs(b) < 1'000'000) continue;
      for (size_t i = 0; i < 27; ++i)
        weights[c * 27 + i] = static_cast<uint8_t>(builder.pick(-127, 127));
    }
    ASSERT_EQ(outputs_of(other, seed, kRows), before);
    remove_constant_channels(other);
    ASSERT_EQ(outputs_of(other, seed, kRows), before);
    EXPECT_LT(other.tensors[1].shape[3], 16u);
  }
}

TEST(ConstantChannels, AConstantThatIsNotZeroStaysBeforeAPaddedWindow) {
  SmallGraph builder(7);
  auto value = builder.input({1, 6, 6, 2});
  value = builder.conv(value, {.channels = 6, .decided_percent = 100});
  value = builder.conv(value, {.channels = 4, .kernel = 3, .padded = true});
  auto graph = builder.finish({value});
  auto const before = outputs_of(graph, 1, kRows);
  auto const highs = graph.tensors[1].shape[3];
  remove_constant_channels(graph);
  EXPECT_EQ(outputs_of(graph, 1, kRows), before);
  EXPECT_LT(graph.tensors[1].shape[3], highs);  // those at the zero point went
  EXPECT_GT(graph.tensors[1].shape[3], 0u);     // those at 127 count only inside
}

TEST(ConstantChannels, KeepsOneChannelOfATensorThatIsAllConstant) {
  SmallGraph builder(3);
  auto value = builder.conv(builder.input({1, 3, 3, 2}), {.channels = 5, .decided_percent = 100});
  auto graph = builder.finish({builder.fully_connected(value, 3, 0)});
  auto const before = outputs_of(graph, 1, kRows);
  remove_constant_channels(graph);
  EXPECT_EQ(graph.tensors[1].shape[3], 1u);
  EXPECT_EQ(outputs_of(graph, 1, kRows), before);
}

TEST(ConstantChannels, StayWhereThereAreTooManyToLookAt) {
  SmallGraph builder(3);
  auto const value = builder.input({1, 1, 1, 1u << 24});
  auto graph = builder.finish({builder.average_pool(value)});
  EXPECT_EQ(remove_constant_channels(graph).removed, 0u);
}

TEST(ConstantChannels, OutputsOfTheGraphAreNeverCut) {
  SmallGraph builder(3);
  auto const value =
      builder.conv(builder.input({1, 3, 3, 2}), {.channels = 5, .decided_percent = 100});
  auto graph = builder.finish({value});
  EXPECT_EQ(remove_constant_channels(graph).removed, 0u);
}

TEST(Fold, ChangesNoOutput) {
  uint32_t folded = 0;
  for (uint32_t seed = 1; seed <= 100; ++seed) {
    auto graph = network(seed);
    auto const before = outputs_of(graph, seed, kRows);
    folded += fold_into_consumers(graph);
    ASSERT_EQ(outputs_of(graph, seed, kRows), before) << "seed " << seed;
  }
  EXPECT_GT(folded, 30u);
}

TEST(Fold, TakesAPadIntoTheConvolutionAndAReshapeIntoTheMatrix) {
  SmallGraph builder(1);
  auto value = builder.pad(builder.input({1, 4, 4, 2}), 1);
  value = builder.conv(value, {.channels = 3, .kernel = 3});
  value = builder.reshape(value, {1, 48});
  auto graph = builder.finish({builder.fully_connected(value, 4, 0)});
  auto const before = outputs_of(graph, 1, kRows);
  EXPECT_EQ(fold_into_consumers(graph), 2u);
  EXPECT_EQ(graph.operators.size(), 2u);
  EXPECT_EQ(outputs_of(graph, 1, kRows), before);
}

TEST(Fold, LeavesWhatTwoReadOrWhatIsAnOutput) {
  SmallGraph builder(1);
  auto const padded = builder.pad(builder.input({1, 4, 4, 2}), 1);
  auto const a = builder.conv(padded, {.channels = 3, .kernel = 3});
  auto const b = builder.conv(padded, {.channels = 3, .kernel = 3});
  auto graph = builder.finish({builder.add(a, b)});
  EXPECT_EQ(fold_into_consumers(graph), 0u);
  SmallGraph other(1);
  auto const seen = other.pad(other.input({1, 4, 4, 2}), 1);
  auto const c = other.conv(seen, {.channels = 3, .kernel = 3});
  auto outputs = other.finish({c, seen});
  EXPECT_EQ(fold_into_consumers(outputs), 0u);
}

TEST(Fold, MakesATableOfAValueTimesWhatATableMakesOfIt) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    SmallGraph builder(seed);
    auto const value = builder.conv(builder.input({1, 4, 4, 2}), {.channels = 16, .kernel = 3});
    auto const made = builder.lookup(value);
    auto graph = builder.finish({seed % 2 ? builder.mul(value, made) : builder.mul(made, value)});
    auto const before = outputs_of(graph, seed, kRows);
    EXPECT_EQ(fold_into_consumers(graph), 1u);
    EXPECT_EQ(graph.operators.back().code, proto::Opcode::lookup);
    EXPECT_EQ(outputs_of(graph, seed, kRows), before);
  }
}

TEST(Fold, LeavesProductsWithSomethingElse) {
  SmallGraph builder(1);
  auto const value = builder.input({1, 4, 4, 2});
  auto const made = builder.lookup(value);
  auto graph = builder.finish({builder.mul(builder.lookup(made), value)});
  EXPECT_EQ(fold_into_consumers(graph), 0u);
}

TEST(Idle, GoesWithAllThatOnlyItNeeded) {
  SmallGraph builder(1);
  auto const in = builder.input({1, 4, 4, 2});
  auto const kept = builder.conv(in, {.channels = 3});
  builder.reshape(builder.pad(in, 1), {1, 72});
  auto graph = builder.finish({builder.average_pool(kept)});
  auto const before = outputs_of(graph, 1, kRows);
  remove_idle(graph);
  EXPECT_EQ(graph.operators.size(), 2u);
  EXPECT_EQ(outputs_of(graph, 1, kRows), before);
}

}  // namespace
}  // namespace godwit::compiler
