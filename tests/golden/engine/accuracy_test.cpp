// MLPerf Tiny's accuracy thresholds, on the labelled rows that may be in the project: each model
// scores what the reference kernels score, to the row, on every path, and that is above the
// threshold. The sets that may not be here: scripts/bench engine --golden.
#include <gtest/gtest.h>

#include <fstream>

#include "compiler/compile.h"
#include "compiler/evaluate.h"

namespace godwit {
namespace {

auto read_file(std::string const& name) -> Bytes {
  std::ifstream file(std::string(GODWIT_TEST_DATA) + "/" + name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Task {
  char const* name;
  char const* model;
  char const* rows;
  uint64_t reference_correct;  // of what the reference kernels answered
  double threshold;            // MLPerf Tiny's
};

class Accuracy : public testing::TestWithParam<Task> {};

TEST_P(Accuracy, IsTheReferencesAndAboveMlperfTinysThreshold) {
  auto const& task = GetParam();
  auto const file = read_file("models/" + std::string(task.model) + ".tflite");
  auto const compiled = compiler::compile_tflite(file, {});
  ASSERT_TRUE(compiled) << compiled.error().what;
  auto const inputs = read_file("golden/" + std::string(task.rows) + ".in.bin");
  auto const labels = read_file("golden/" + std::string(task.rows) + ".labels.u8");
  for (auto const& path : engine::path_names()) {
    if (!engine::check_options({.path = path})) continue;
    auto engine = engine::Engine::load(compiled->model, {.path = path});
    ASSERT_TRUE(engine) << engine.error().what;
    auto const result = compiler::evaluate(*engine, inputs, labels, [] { return uint64_t{0}; });
    ASSERT_TRUE(result) << result.error().what;
    std::printf("%s, %s: %.2f %%\n", task.name, path.c_str(), 100 * result->accuracy());
    EXPECT_EQ(result->correct, task.reference_correct) << path;
    EXPECT_GE(result->accuracy(), task.threshold) << path;
  }
}

INSTANTIATE_TEST_SUITE_P(Tasks, Accuracy,
                         testing::Values(Task{"keywords", "kws-1", "kws", 901, 0.90},
                                         Task{"images", "ic-2", "ic", 215, 0.85}),
                         [](auto const& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace godwit
