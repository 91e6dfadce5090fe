// Every path that this processor runs gives the bytes of the portable one, whatever the shapes.
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

#include "agent/engine/engine.h"
#include "agent/engine/kernel.h"
#include "tests/unit/agent/engine/random_graph.h"

namespace godwit::engine {
namespace {

constexpr uint32_t kModels = 300;  // of each kind; GODWIT_RANDOM_MODELS asks for more
constexpr int kRows = 2;

auto model_count() -> uint32_t {
  char const* const asked = std::getenv("GODWIT_RANDOM_MODELS");
  return asked ? static_cast<uint32_t>(std::atoi(asked)) : kModels;
}

using MakeModel = std::function<Bytes(RandomStep&)>;

class EveryPath : public testing::TestWithParam<std::pair<char const*, MakeModel>> {
 protected:
  /// Compares rows of random input; false at the first difference.
  static auto agrees(Bytes const& model, char const* path, RandomStep& random) -> bool {
    auto expected = Engine::load(model, {.path = "portable"});
    auto actual = Engine::load(model, {.path = path});
    EXPECT_TRUE(expected) << expected.error().what;
    EXPECT_TRUE(actual) << actual.error().what;
    if (!expected || !actual) return false;
    Bytes want(expected->output_bytes());
    Bytes got(expected->output_bytes());
    for (int row = 0; row < kRows; ++row) {
      auto const input = random.bytes(expected->input_bytes());
      expected->run(input, want);
      actual->run(input, got);
      if (want != got) return false;
    }
    return true;
  }
};

TEST_P(EveryPath, GivesTheBytesOfThePortableOne) {
  for (auto const* path : paths()) {
    if (path == &kPortable) continue;
    if (!path->runs_here()) {
      std::printf("%s: skipped, this processor cannot run it\n", path->name);
      continue;
    }
    for (uint32_t seed = 1; seed <= model_count(); ++seed) {
      RandomStep random(seed, {.once = seed % 4 == 0, .asymmetric = seed % 5 == 0});
      auto const model = GetParam().second(random);
      ASSERT_TRUE(agrees(model, path->name, random)) << path->name << ", seed " << seed;
    }
    std::printf("%s: %u models equal\n", path->name, model_count());
  }
}

auto const kOneOperator = testing::Values(
    std::pair{"conv", MakeModel([](RandomStep& r) { return r.conv(false); })},
    std::pair{"conv_3x3", MakeModel([](RandomStep& r) { return r.conv_3x3(); })},
    std::pair{"depthwise", MakeModel([](RandomStep& r) { return r.conv(true); })},
    std::pair{"fully_connected", MakeModel([](RandomStep& r) { return r.fully_connected(); })},
    std::pair{"fully_connected_4", MakeModel([](RandomStep& r) { return r.fully_connected_4(); })},
    std::pair{"add", MakeModel([](RandomStep& r) { return r.add(); })},
    std::pair{"average_pool",
              MakeModel([](RandomStep& r) { return r.pool(proto::Opcode::average_pool_2d); })},
    std::pair{"max_pool",
              MakeModel([](RandomStep& r) { return r.pool(proto::Opcode::max_pool_2d); })},
    std::pair{"mean", MakeModel([](RandomStep& r) { return r.mean(); })});
constexpr auto kName = [](auto const& test) { return std::string(test.param.first); };

INSTANTIATE_TEST_SUITE_P(Operators, EveryPath, kOneOperator, kName);
INSTANTIATE_TEST_SUITE_P(
    MoreOperators, EveryPath,
    testing::Values(
        std::pair{"lookup", MakeModel([](RandomStep& r) { return r.lookup(); })},
        std::pair{"lstm", MakeModel([](RandomStep& r) { return r.lstm(); })},
        std::pair{"svdf", MakeModel([](RandomStep& r) { return r.svdf(); })},
        std::pair{"batch_matmul", MakeModel([](RandomStep& r) { return r.batch_matmul(); })},
        std::pair{"resize_bilinear_real",
                  MakeModel([](RandomStep& r) { return r.resize_bilinear_real(); })},
        std::pair{"arg_max",
                  MakeModel([](RandomStep& r) { return r.reduced(proto::Opcode::arg_max); })},
        std::pair{"arg_min",
                  MakeModel([](RandomStep& r) { return r.reduced(proto::Opcode::arg_min); })},
        std::pair{"mul", MakeModel([](RandomStep& r) { return r.binary(proto::Opcode::mul); })},
        std::pair{"prelu", MakeModel([](RandomStep& r) { return r.binary(proto::Opcode::prelu); })},
        std::pair{"squared_difference", MakeModel([](RandomStep& r) {
                    return r.binary(proto::Opcode::squared_difference);
                  })}),
    kName);
INSTANTIATE_TEST_SUITE_P(Graphs, EveryPath,
                         testing::Values(std::pair{"graph", MakeModel([](RandomStep& r) {
                                                     return RandomGraph(r).model();
                                                   })}),
                         kName);

}  // namespace
}  // namespace godwit::engine
