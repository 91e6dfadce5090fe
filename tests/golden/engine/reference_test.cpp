// Byte equality with TFLite Micro's reference kernels: every row of every pair in
// tests/data/golden. Where the rows come from is written there.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "agent/engine/engine.h"
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

auto equal_rows(Bytes const& actual, Bytes const& expected, size_t width) -> size_t {
  size_t equal = 0;
  for (size_t at = 0; at < expected.size(); at += width)
    equal += std::equal(&actual[at], &actual[at] + width, &expected[at]);
  return equal;
}

/// Images of 32x32x3 as images of 96x96x3: each pixel three times in both directions.
auto enlarged(Bytes const& images) -> Bytes {
  constexpr size_t kSide = 32, kTimes = 3, kChannels = 3;
  Bytes out;
  out.reserve(images.size() * kTimes * kTimes);
  for (size_t line = 0; line < images.size(); line += kSide * kChannels)
    for (size_t again = 0; again < kTimes; ++again)
      for (size_t pixel = 0; pixel < kSide; ++pixel)
        for (size_t copy = 0; copy < kTimes; ++copy)
          out.insert(out.end(), &images[line + pixel * kChannels],
                     &images[line + pixel * kChannels] + kChannels);
  return out;
}

struct Pair {
  std::string model;
  std::string inputs;
  std::string outputs;
  size_t rows;
  bool enlarge = false;
};

class Reference : public testing::TestWithParam<Pair> {};

TEST_P(Reference, EveryRowIsEqual) {
  auto const& pair = GetParam();
  auto const compiled = compiler::compile_tflite(read_file("models/" + pair.model), {});
  ASSERT_TRUE(compiled) << compiled.error().what;
  auto const& model = compiled->model;
  auto inputs = read_file("golden/" + pair.inputs);
  if (pair.enlarge) inputs = enlarged(inputs);
  auto const expected = read_file("golden/" + pair.outputs);
  for (auto const& path : engine::path_names()) {
    engine::EngineOptions const options{.path = path};
    if (auto const can = engine::check_options(options); !can) {
      std::printf("%s: %s left out: %s\n", pair.model.c_str(), path.c_str(),
                  can.error().what.c_str());
      continue;
    }
    auto engine = engine::Engine::load(model, options);
    ASSERT_TRUE(engine) << engine.error().what;
    EXPECT_EQ(engine->path(), path);
    ASSERT_EQ(inputs.size(), pair.rows * engine->input_bytes());
    auto const actual = run_all(*engine, inputs);
    ASSERT_EQ(actual.size(), expected.size());
    auto const equal = equal_rows(actual, expected, engine->output_bytes());
    std::printf("%s: %s: %zu of %zu rows equal\n", pair.model.c_str(), path.c_str(), equal,
                pair.rows);
    EXPECT_EQ(equal, pair.rows);
    EXPECT_TRUE(engine::check_golden(model, options));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, Reference,
    testing::Values(Pair{"ic-1.tflite", "ic.in.bin", "ic-1.out.bin", 249},
                    Pair{"ic-2.tflite", "ic.in.bin", "ic-2.out.bin", 249},
                    Pair{"ic-3.tflite", "ic.in.bin", "ic-3.out.bin", 249},
                    Pair{"ic-4.tflite", "ic.in.bin", "ic-2.out.bin", 249},
                    Pair{"vww-1.tflite", "ic.in.bin", "vww-1.out.bin", 249, true},
                    Pair{"vww-2.tflite", "ic.in.bin", "vww-2.out.bin", 249, true},
                    Pair{"kws-1.tflite", "kws.in.bin", "kws-1.out.bin", 1000},
                    Pair{"sww-1.tflite", "sww.in.bin", "sww-1.out.bin", 64}),
    [](auto const& test) {
      auto name = test.param.model;
      std::replace_if(
          name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
      return name;
    });

}  // namespace
}  // namespace godwit
