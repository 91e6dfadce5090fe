// The portable kernels against the specification, computed one output at a time: every operator
// but those with exponentials or roots.
#include <gtest/gtest.h>

#include <cstdlib>

#include "agent/engine/engine.h"
#include "agent/engine/kernel.h"
#include "tests/unit/agent/engine/plain.h"
#include "tests/unit/agent/engine/random_kinds.h"

namespace godwit::engine {
namespace {

constexpr uint32_t kFewModels = 5;  // where only the choice of kernels is in question

auto model_count() -> uint32_t {
  char const* const asked = std::getenv("GODWIT_RANDOM_MODELS");
  return asked ? static_cast<uint32_t>(std::atoi(asked)) : 75;
}

class PlainKernels : public testing::TestWithParam<RandomKind> {
 protected:
  static void expect_plain(Form form, char const* path = "portable",
                           uint32_t models = model_count()) {
    for (uint32_t seed = 1; seed <= models; ++seed) {
      RandomStep random(seed, form);
      auto const model = GetParam().make(random);
      auto engine = Engine::load(model, {.path = path});
      ASSERT_TRUE(engine) << engine.error().what << ", seed " << seed;
      Bytes got(engine->output_bytes());
      auto const input = random.bytes(engine->input_bytes());
      engine->run(input, got);
      ASSERT_EQ(got, plain_output(*proto::parse_model(model), input)) << "seed " << seed;
    }
  }
};

TEST_P(PlainKernels, AreWhatTheSpecificationSays) {
  expect_plain({});
}

TEST_P(PlainKernels, RoundOnceWhereThePlanSaysSo) {
  expect_plain({.once = true});
}

class PlainWideKernels : public PlainKernels {};

TEST_P(PlainWideKernels, AreWhatTheSpecificationSays) {
  expect_plain({.wide = true});
  expect_plain({.once = true, .wide = true});
}

TEST_P(PlainKernels, KnowWeightsWithZeroPoints) {
  expect_plain({.asymmetric = true});
  expect_plain({.once = true, .asymmetric = true});
}

/// A path leaves to the portable kernels what it does not know.
TEST_P(PlainKernels, ServeEveryPath) {
  for (auto const* path : paths()) {
    if (!path->runs_here()) continue;
    expect_plain({.once = true}, path->name, kFewModels);
    expect_plain({.asymmetric = true}, path->name, kFewModels);
  }
}

TEST_P(PlainWideKernels, ServeEveryPath) {
  for (auto const* path : paths())
    if (path->runs_here()) expect_plain({.wide = true}, path->name, kFewModels);
}

auto kinds_of(bool RandomKind::*type) -> std::vector<RandomKind> {
  auto kinds = random_kinds();
  std::erase_if(kinds, [=](RandomKind const& kind) { return !(kind.*type); });
  return kinds;
}

constexpr auto kName = [](auto const& test) { return std::string(test.param.name); };
INSTANTIATE_TEST_SUITE_P(Operators, PlainKernels, testing::ValuesIn(kinds_of(&RandomKind::narrow)),
                         kName);
INSTANTIATE_TEST_SUITE_P(Operators, PlainWideKernels,
                         testing::ValuesIn(kinds_of(&RandomKind::wide)), kName);

}  // namespace
}  // namespace godwit::engine
