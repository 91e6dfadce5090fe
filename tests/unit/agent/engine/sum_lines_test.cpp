// An ADD that follows its convolution line by line gives the bytes of one that comes later.
#include "agent/engine/sum_lines.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "agent/engine/engine.h"
#include "agent/threads/threads.h"
#include "tests/unit/agent/engine/random_step.h"

namespace godwit::engine {
namespace {

enum class Where : uint8_t { over_made, over_other, over_input, apart };

/// A convolution of x and its sum with another input; between the two, perhaps, an operator of
/// nobody's interest.
struct Residual {
  RandomStep& random;
  uint32_t height, width, channels, kernel;
  Where where;
  bool together;

  auto model() const -> Bytes {
    proto::ModelSpec spec;
    spec.input_count = 2;
    std::vector<uint32_t> const shape{1, height, width, channels};
    for (auto const* name : {"x", "other", "made", "sum"})
      add_tensor(spec, {.name = name,
                        .shape = shape,
                        .scales = {1},
                        .zero_point = random.zero_point(),
                        .arena_offset = spec.arena_bytes});
    auto const add = random.add_params(spec.tensors[3].zero_point);
    if (where != Where::apart) spec.tensors[3].arena_offset = spec.tensors[place()].arena_offset;
    if (!together) {  // tensors lie in the order in which they are written
      spec.tensors.push_back(spec.tensors[3]);
      spec.tensors[3] = spec.tensors[1];
      spec.tensors[3].name = "aside";
      spec.tensors[3].arena_offset = spec.arena_bytes;
      spec.arena_bytes += (elements(shape) + 15) / 16 * 16;
    }
    uint32_t const sum = together ? 3 : 4;
    spec.outputs = {sum};
    std::vector<uint32_t> inputs{0};
    for (auto& constant : random.constants({channels, kernel, kernel, channels}, channels,
                                           static_cast<int32_t>(kernel * kernel * channels))) {
      inputs.push_back(static_cast<uint32_t>(spec.tensors.size()));
      spec.tensors.push_back(std::move(constant));
    }
    spec.operators.push_back({proto::Opcode::conv_2d, inputs, {2}, proto::param_words(conv())});
    if (!together)
      spec.operators.push_back({proto::Opcode::max_pool_2d, {1}, {3}, proto::param_words(pool())});
    spec.operators.push_back({proto::Opcode::add, {2, 1}, {sum}, proto::param_words(add)});
    return proto::write_model(spec);
  }

 private:
  auto place() const -> size_t {
    return where == Where::over_made ? 2 : where == Where::over_other ? 1 : 0;
  }
  static void add_tensor(proto::ModelSpec& spec, proto::TensorSpec tensor) {
    spec.arena_bytes += (elements(tensor.shape) + 15) / 16 * 16;
    spec.tensors.push_back(std::move(tensor));
  }
  auto conv() const -> proto::ConvParams {
    auto const pad = static_cast<int32_t>(kernel / 2);
    proto::ConvParams p{};
    p.window = {1, 1, pad, pad};
    p.dilation_height = p.dilation_width = 1;
    p.clamp = {-128, 127};
    return p;
  }
  static auto pool() -> proto::PoolParams {
    proto::PoolParams p{};
    p.filter_height = p.filter_width = 1;
    p.window = {1, 1, 0, 0};
    p.clamp = {-128, 127};
    return p;
  }
};

auto run(Bytes const& model, Bytes const& input, EngineOptions const& options) -> Bytes {
  auto engine = Engine::load(model, options);
  if (!engine) throw std::runtime_error(engine.error().what);
  Bytes output(engine->output_bytes());
  engine->run(input, output);
  return output;
}

/// Sizes of one part and of several, of lines that parts divide and others.
TEST(SumLines, GiveTheBytesOfAnAddThatComesLater) {
  agent::Threads threads(3);
  auto crew = threads.crew();
  crew.products_least = 0;
  constexpr uint32_t kHeights[] = {1, 7, 36, 40};
  uint32_t seed = 0;
  for (auto const where : {Where::over_made, Where::over_other, Where::over_input, Where::apart})
    for (auto const height : kHeights)
      for (uint32_t const kernel : {1, 3}) {
        auto const models = [&](bool together) {
          RandomStep random(seed);
          auto const width = static_cast<uint32_t>(random.between(20, 40));
          auto const channels = height >= 36 ? 72 : static_cast<uint32_t>(random.channels());
          return Residual{random, height, width, channels, kernel, where, together}.model();
        };
        ++seed;
        auto const model = models(true);
        auto const later = models(false);
        RandomStep random(seed);
        auto const loaded = Engine::load(model);
        ASSERT_TRUE(loaded) << loaded.error().what;
        auto const input = random.bytes(loaded->input_bytes());
        for (auto const& path : path_names()) {
          if (!check_options({.path = path})) continue;
          auto const want = run(later, input, {.path = path});
          EXPECT_EQ(run(model, input, {.path = path}), want) << path << ", seed " << seed;
          EXPECT_EQ(run(model, input, {.path = path, .crew = crew}), want)
              << path << " on threads, seed " << seed;
        }
      }
}

}  // namespace
}  // namespace godwit::engine
