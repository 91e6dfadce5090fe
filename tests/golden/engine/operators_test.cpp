// Every operator against TFLite Micro's reference kernels: the generated graphs of
// tests/data/golden/ops, every row, on every path that runs here.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "agent/engine/engine.h"
#include "agent/engine/golden.h"
#include "compiler/compile.h"
#include "compiler/inspect.h"
#include "proto/format/model.h"

namespace godwit {
namespace {

auto path_of(std::string const& name) -> std::string {
  return std::string(GODWIT_TEST_DATA) + "/golden/ops/" + name;
}

/// Empty where there is no such file.
auto read_file(std::string const& name) -> Bytes {
  std::ifstream file(path_of(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Set {
  std::string name;
  uint64_t seed = 0;
};

auto all_sets() -> std::vector<Set> {
  std::ifstream list(path_of("seeds.txt"));
  std::vector<Set> sets;
  for (Set set; list >> set.name >> set.seed;) sets.push_back(set);
  return sets;
}

auto inputs_of(Set const& set, size_t rows, size_t width) -> Bytes {
  auto inputs = read_file(set.name + ".in.bin");
  if (!inputs.empty()) return inputs;
  inputs.resize(rows * width);
  for (size_t row = 0; row < rows; ++row)
    engine::fill_golden_input(set.seed, static_cast<uint32_t>(row),
                              std::span(inputs).subspan(row * width, width));
  return inputs;
}

class Operators : public testing::TestWithParam<Set> {};

TEST_P(Operators, EveryRowIsEqual) {
  auto const& set = GetParam();
  auto const compiled = compiler::compile_tflite(read_file(set.name + ".tflite"), {});
  ASSERT_TRUE(compiled) << compiled.error().what;
  auto const expected = read_file(set.name + ".out.bin");
  bool const stream = set.name.find("stream") != std::string::npos;
  for (auto const& path : engine::path_names()) {
    engine::EngineOptions const options{.path = path};
    if (!engine::check_options(options)) continue;
    auto engine = engine::Engine::load(compiled->model, options);
    ASSERT_TRUE(engine) << engine.error().what;
    size_t const rows = expected.size() / engine->output_bytes();
    ASSERT_GE(rows, 16u);
    auto const inputs = inputs_of(set, rows, engine->input_bytes());
    ASSERT_EQ(inputs.size(), rows * engine->input_bytes());
    Bytes row(engine->output_bytes());
    size_t equal = 0;
    for (size_t i = 0; i < rows; ++i) {
      if (!stream) engine->reset_state();
      engine->run(ByteView(inputs).subspan(i * engine->input_bytes(), engine->input_bytes()), row);
      equal += std::equal(row.begin(), row.end(),
                          expected.begin() + static_cast<ptrdiff_t>(i * row.size()));
    }
    EXPECT_EQ(equal, rows) << "on path " << path;
  }
}

TEST_P(Operators, CanBeInspected) {
  auto const compiled =
      compiler::compile_tflite(read_file(GetParam().name + ".tflite"), {.golden_rows = 0});
  ASSERT_TRUE(compiled) << compiled.error().what;
  auto const model = proto::parse_model(compiled->model);
  auto const cost = compiler::cost_of(*model);
  EXPECT_EQ(cost.operators.size(), model->operator_count());
  EXPECT_EQ(compiler::draw_arena(*model, 64).size(), model->operator_count());
  EXPECT_LT(compiler::peak_operator(*model), model->operator_count());
}

INSTANTIATE_TEST_SUITE_P(Generated, Operators, testing::ValuesIn(all_sets()),
                         [](auto const& test) { return test.param.name; });

class RoundedOnce : public testing::TestWithParam<Set> {};

/// No wheel rounds so: PlainKernels shows that it is right, this that all paths agree.
TEST_P(RoundedOnce, IsTheSameOnEveryPath) {
  auto const compiled =
      compiler::compile_tflite(read_file(GetParam().name + ".tflite"), {.round_once = true});
  ASSERT_TRUE(compiled) << compiled.error().what;
  EXPECT_EQ(proto::parse_model(compiled->model)->rounding(), proto::Rounding::once);
  for (auto const& path : engine::path_names()) {
    if (!engine::check_options({.path = path})) continue;
    EXPECT_TRUE(engine::check_golden(compiled->model, {.path = path})) << "on path " << path;
  }
}

INSTANTIATE_TEST_SUITE_P(Generated, RoundedOnce, testing::ValuesIn(all_sets()),
                         [](auto const& test) { return test.param.name; });

TEST(FormatVersion, IsTheLowestThatKnowsEveryForm) {
  for (auto const& [name, version] :
       {std::pair{"conv_1x1", 1}, std::pair{"abs_0", 2}, std::pair{"int16_conv_1x1", 3},
        std::pair{"int16_add_same", 3}, std::pair{"int16_lstm", 4}, std::pair{"div", 4},
        std::pair{"int16_squared_difference", 3}, std::pair{"log_softmax", 5},
        std::pair{"lstm_four_bits", 5}, std::pair{"uint8_l2_normalization", 4}}) {
    auto const file = read_file(std::string(name) + ".tflite");
    auto const compiled = compiler::compile_tflite(file, {.golden_rows = 0});
    ASSERT_TRUE(compiled) << compiled.error().what;
    EXPECT_EQ(proto::parse_model(compiled->model)->format_version(), version) << name;
  }
}

TEST(HalfBytes, StayTwoInAByteInThePlan) {
  auto const compiled = compiler::compile_tflite(read_file("four_bits.tflite"), {.golden_rows = 0});
  ASSERT_TRUE(compiled) << compiled.error().what;
  auto const model = proto::parse_model(compiled->model);
  ASSERT_EQ(model->op(0).code(), proto::Opcode::fully_connected_4);
  EXPECT_EQ(model->tensor(model->op(0).input(1)).size_bytes, 13u * 68 / 2);
}

TEST(HalfBytes, AreMadeOfWeightsOfAnLstmThatHaveFourBits) {
  for (auto const* name : {"lstm_four_bits", "lstm_four_bits_stream"}) {
    auto const file = read_file(std::string(name) + ".tflite");
    auto const compiled = compiler::compile_tflite(file, {.golden_rows = 0});
    ASSERT_TRUE(compiled) << compiled.error().what;
    EXPECT_EQ(proto::parse_model(compiled->model)->op(0).code(), proto::Opcode::lstm_4) << name;
  }
}

TEST(GeneratedSets, AreThere) {
  EXPECT_GE(all_sets().size(), 337u);
}

}  // namespace
}  // namespace godwit
