// Loading, choosing a path, and what an engine tells of itself.
#include "agent/engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/engine/kernel.h"
#include "proto/format/model_write.h"

namespace godwit::engine {
namespace {

using testing::HasSubstr;

/// A graph of one operator: eight int8 values, reshaped.
auto small_model() -> Bytes {
  proto::ModelSpec spec;
  spec.tensors = {{.name = "in", .shape = {8}, .scales = {1}},
                  {.name = "out", .shape = {2, 4}, .scales = {1}, .arena_offset = 16}};
  spec.operators = {{proto::Opcode::reshape, {0}, {1}, {}}};
  spec.input_count = 1;
  spec.outputs = {1};
  spec.arena_bytes = 32;
  return proto::write_model(spec);
}

TEST(EnginePath, TheFastestThatRunsHereIsTheDefault) {
  auto const model = small_model();
  auto const engine = Engine::load(model);
  ASSERT_TRUE(engine) << engine.error().what;
  for (auto const* path : paths())
    if (path->runs_here()) {
      EXPECT_EQ(engine->path(), path->name);
      break;
    }
}

TEST(EnginePath, EachThatRunsHereCanBeChosen) {
  auto const model = small_model();
  Bytes const input{1, 2, 3, 4, 5, 6, 7, 8};
  for (auto const* path : paths()) {
    auto engine = Engine::load(model, {.path = path->name});
    EXPECT_EQ(static_cast<bool>(engine), path->runs_here()) << path->name;
    if (!engine) {
      EXPECT_EQ(engine.error().code, Code::invalid);
      EXPECT_THAT(engine.error().what, HasSubstr("this processor cannot run that path"));
      continue;
    }
    EXPECT_EQ(engine->path(), path->name);
    Bytes output(8);
    engine->run(input, output);
    EXPECT_EQ(output, input);
  }
}

TEST(EnginePath, AnUnknownNameIsAnErrorThatNamesThePaths) {
  auto const engine = Engine::load(small_model(), {.path = "abacus"});
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, Code::invalid);
  EXPECT_THAT(engine.error().what, HasSubstr("\"abacus\""));
  EXPECT_THAT(engine.error().what, HasSubstr("portable"));
}

TEST(EnginePath, PortableIsLastAndRunsEverywhere) {
  EXPECT_EQ(path_names().back(), "portable");
  EXPECT_TRUE(paths().back()->runs_here());
}

TEST(EnginePath, PortableHasAKernelThatFitsForEveryOperator) {
  for (uint16_t code = 1; code < 256; ++code) {
    if (!proto::arity(proto::Opcode{code})) continue;
    size_t kernels = 0;
    for (auto const& kernel : kPortable.kernels)
      kernels += kernel.code == proto::Opcode{code} && !kernel.fits;
    EXPECT_EQ(kernels, 1u) << to_string(proto::Opcode{code});
  }
}

TEST(EngineState, IsEmptyWhereNothingRecurs) {
  auto const model = small_model();
  auto engine = Engine::load(model);
  ASSERT_TRUE(engine);
  EXPECT_EQ(engine->state_bytes(), 0u);
  EXPECT_TRUE(engine->state().empty());
  engine->reset_state();
  engine->restore_state({});
}

/// A graph that keeps a state of some bytes and another of int16, `gap` bytes apart.
auto model_with_state(uint32_t bytes, float scale, uint32_t gap) -> Bytes {
  proto::ModelSpec spec;
  spec.tensors = {
      {.name = "in", .shape = {8}, .scales = {1}},
      {.name = "out", .shape = {2, 4}, .scales = {1}, .arena_offset = 16},
      {.name = "h", .shape = {1, bytes}, .scales = {scale}, .zero_point = 5, .state = true},
      {.name = "c",
       .type = proto::TensorType::int16,
       .shape = {8},
       .scales = {1},
       .arena_offset = 16 + gap,
       .state = true}};
  spec.operators = {{proto::Opcode::reshape, {0}, {1}, {}}};
  spec.input_count = 1;
  spec.outputs = {1};
  spec.arena_bytes = 32;
  spec.state_bytes = 32 + gap;
  return proto::write_model(spec);
}

TEST(EngineState, BeginsAsTheZeroPointIsResetAndRestored) {
  auto const model = model_with_state(12, 1, 0);
  auto engine = Engine::load(model);
  ASSERT_TRUE(engine) << engine.error().what;
  Bytes fresh(32);
  std::fill_n(fresh.begin(), 12, uint8_t{5});
  auto const state = [&] { return Bytes(engine->state().begin(), engine->state().end()); };
  EXPECT_EQ(state(), fresh);
  Bytes const used(32, 9);
  engine->restore_state(used);
  EXPECT_EQ(state(), used);
  engine->reset_state();
  EXPECT_EQ(state(), fresh);
}

TEST(EngineState, IsTakenFromAnotherReleaseThatKeepsTheSame) {
  auto const old_model = model_with_state(12, 1, 0);
  auto const new_model = model_with_state(12, 1, 64);
  auto before = Engine::load(old_model);
  auto after = Engine::load(new_model);
  ASSERT_TRUE(before && after);
  Bytes remembered(32);
  for (size_t i = 0; i < remembered.size(); ++i) remembered[i] = static_cast<uint8_t>(i + 1);
  before->restore_state(remembered);
  ASSERT_TRUE(after->take_state(*before));
  for (size_t i = 0; i < 12; ++i) EXPECT_EQ(after->state()[i], i + 1);
  for (size_t i = 16; i < 32; ++i) EXPECT_EQ(after->state()[i + 64], i + 1);
}

TEST(EngineState, IsNotTakenWhereItWouldMeanSomethingElse) {
  auto const model = model_with_state(12, 1, 0);
  auto engine = Engine::load(model);
  ASSERT_TRUE(engine);
  Bytes const fresh(engine->state().begin(), engine->state().end());
  for (auto const& other_model :
       {model_with_state(11, 1, 0), model_with_state(12, 0.5F, 0), small_model()}) {
    auto other = Engine::load(other_model);
    ASSERT_TRUE(other);
    other->restore_state(Bytes(other->state_bytes(), 77));
    EXPECT_FALSE(engine->take_state(*other));
    EXPECT_EQ(Bytes(engine->state().begin(), engine->state().end()), fresh);
  }
}

}  // namespace
}  // namespace godwit::engine
