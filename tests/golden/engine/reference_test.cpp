// Byte equality with TFLite Micro's reference kernels: every row of every pair in
// tests/data/golden. Where the rows come from is written there.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "agent/engine/golden.h"
#include "compiler/compile.h"

namespace godwit {
namespace {

auto read_file(std::string const& name) -> Bytes {
  std::ifstream file(std::string(GODWIT_TEST_DATA) + "/" + name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

auto run_all(engine::Engine& engine, ByteView inputs) -> Bytes {
  size_t const rows = inputs.size() / engine.input_bytes();
  Bytes out(rows * engine.output_bytes());
  for (size_t row = 0; row < rows; ++row) {
    engine.reset_state();
    engine.run(inputs.subspan(row * engine.input_bytes(), engine.input_bytes()),
               std::span(out).subspan(row * engine.output_bytes(), engine.output_bytes()));
  }
  return out;
}

struct Pair {
  std::string model;
  std::string inputs;  // empty: golden inputs of seed 1
  std::string outputs;
  size_t rows;
};

class Reference : public testing::TestWithParam<Pair> {};

TEST_P(Reference, EveryRowIsEqual) {
  auto const& pair = GetParam();
  auto const model = compiler::compile_tflite(read_file("models/" + pair.model), {});
  ASSERT_TRUE(model) << model.error().what;
  auto engine = engine::Engine::load(*model);
  ASSERT_TRUE(engine) << engine.error().what;
  Bytes inputs;
  if (pair.inputs.empty()) {
    inputs.resize(pair.rows * engine->input_bytes());
    for (size_t row = 0; row < pair.rows; ++row)
      engine::fill_golden_input(
          1, static_cast<uint32_t>(row),
          std::span(inputs).subspan(row * engine->input_bytes(), engine->input_bytes()));
  } else {
    inputs = read_file("golden/" + pair.inputs);
  }
  ASSERT_EQ(inputs.size(), pair.rows * engine->input_bytes());
  auto const expected = read_file("golden/" + pair.outputs);
  auto const actual = run_all(*engine, inputs);
  ASSERT_EQ(actual.size(), expected.size());
  size_t equal = 0;
  auto const width = static_cast<ptrdiff_t>(engine->output_bytes());
  for (size_t row = 0; row < pair.rows; ++row) {
    auto const at = static_cast<ptrdiff_t>(row) * width;
    equal += std::equal(actual.begin() + at, actual.begin() + at + width, expected.begin() + at);
  }
  std::printf("%s: %zu of %zu rows equal\n", pair.model.c_str(), equal, pair.rows);
  EXPECT_EQ(equal, pair.rows);
  EXPECT_TRUE(engine::check_golden(*model));
}

INSTANTIATE_TEST_SUITE_P(Models, Reference,
                         testing::Values(Pair{"ic-1.tflite", "ic.in.bin", "ic-1.out.bin", 249},
                                         Pair{"ic-2.tflite", "ic.in.bin", "ic-2.out.bin", 249},
                                         Pair{"ic-3.tflite", "ic.in.bin", "ic-3.out.bin", 249},
                                         Pair{"ic-4.tflite", "ic.in.bin", "ic-2.out.bin", 249},
                                         Pair{"sww-1.tflite", "sww.in.bin", "sww-1.out.bin", 64}),
                         [](auto const& test) {
                           auto name = test.param.model;
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return !std::isalnum(c); },
                               '_');
                           return name;
                         });

}  // namespace
}  // namespace godwit
