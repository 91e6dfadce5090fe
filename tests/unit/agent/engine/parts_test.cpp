// Large layers in parts, on threads: outputs are those of one thread, on every path.
#include <gtest/gtest.h>

#include <fstream>

#include "agent/engine/engine.h"
#include "agent/threads/threads.h"
#include "compiler/compile.h"
#include "tests/unit/agent/engine/random_graph.h"

namespace godwit::engine {
namespace {

TEST(Threads, RunEachPartOnceAndWaitForAll) {
  constexpr int kLayers = 500;
  for (uint32_t size = 1; size <= kCrewMax; ++size) {
    agent::Threads threads(size);
    auto const crew = threads.crew();
    ASSERT_EQ(crew.size, size);
    std::vector<int> ran(size);  // no atomics: each part has its own, and `together` waits
    for (int layer = 0; layer < kLayers; ++layer)
      crew.together(
          crew.context,
          [](void* work, uint32_t index) { ++(*static_cast<std::vector<int>*>(work))[index]; },
          &ran);
    EXPECT_EQ(ran, std::vector<int>(size, kLayers));
  }
}

/// Some of these sizes do not divide the lines of a layer.
class Parts : public testing::TestWithParam<uint32_t> {
 protected:
  Parts() { crew_.products_least = 0; }

  void expect_same(Bytes const& model, Bytes const& input, std::string const& what) {
    for (auto const& path : path_names()) {
      if (!check_options({.path = path})) continue;
      auto alone = Engine::load(model, {.path = path});
      auto together = Engine::load(model, {.path = path, .crew = crew_});
      ASSERT_TRUE(alone && together) << what;
      ASSERT_EQ(input.size(), alone->input_bytes());
      Bytes want(alone->output_bytes());
      Bytes got(alone->output_bytes());
      alone->run(input, want);
      together->run(input, got);
      ASSERT_EQ(want, got) << what << ", " << path;
    }
  }

  agent::Threads threads_{GetParam()};
  Crew crew_ = threads_.crew();
};

TEST_P(Parts, OfRandomGraphsGiveTheSameBytes) {
  constexpr uint32_t kModels = 25;
  for (uint32_t seed = 1; seed <= kModels; ++seed) {
    RandomStep random(seed, {.once = seed % 4 == 0, .asymmetric = seed % 5 == 0});
    auto const model = RandomGraph(random).model();
    auto const inputs = random.bytes(Engine::load(model)->input_bytes());
    ASSERT_NO_FATAL_FAILURE(expect_same(model, inputs, "seed " + std::to_string(seed)));
  }
}

TEST_P(Parts, OfRandomConvolutionsGiveTheSameBytes) {
  constexpr uint32_t kModels = 30;
  for (uint32_t seed = 1; seed <= kModels; ++seed) {
    RandomStep random(seed, {.wide = seed % 7 == 0});
    auto const model = seed % 3 == 0 ? random.conv_3x3() : random.conv(seed % 2 == 0);
    auto const inputs = random.bytes(Engine::load(model)->input_bytes());
    ASSERT_NO_FATAL_FAILURE(expect_same(model, inputs, "seed " + std::to_string(seed)));
  }
}

/// Their outputs lie over inputs.
TEST_P(Parts, OfCompiledModelsGiveTheSameBytes) {
  for (auto const* name : {"ic-1", "kws-1", "sww-1", "vww-2"}) {
    std::ifstream file(std::string(GODWIT_TEST_DATA) + "/models/" + name + ".tflite",
                       std::ios::binary);
    ASSERT_TRUE(file);
    auto const compiled =
        compiler::compile_tflite(Bytes(std::istreambuf_iterator<char>(file), {}), {});
    ASSERT_TRUE(compiled) << compiled.error().what;
    RandomStep random(1);
    auto const inputs = random.bytes(Engine::load(compiled->model)->input_bytes());
    ASSERT_NO_FATAL_FAILURE(expect_same(compiled->model, inputs, name));
  }
}

INSTANTIATE_TEST_SUITE_P(OnThreads, Parts, testing::Range(1u, kCrewMax + 1),
                         [](auto const& test) { return std::to_string(test.param); });

TEST(EngineOptions, OfMoreThreadsThanTheEngineUsesAreRefused) {
  EXPECT_FALSE(check_options({.crew = {.size = kCrewMax + 1}}));
}

}  // namespace
}  // namespace godwit::engine
