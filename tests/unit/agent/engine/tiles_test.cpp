// Convolutions of 3x3 whose sums are as large as tiles can hold, and larger: on every path the
// bytes of the portable one.
#include <gtest/gtest.h>

#include "agent/engine/engine.h"
#include "proto/format/model_write.h"
#include "proto/format/operators.h"
#include "tests/unit/agent/engine/random_step.h"

namespace godwit::engine {
namespace {

constexpr uint32_t kSize = 12;
constexpr uint32_t kOutputs = 8;

/// All weights are `weight`: with inputs of -128 sums are 9 * depth * weight * -255.
auto model_of(uint32_t depth, int8_t weight, int32_t bias) -> Bytes {
  proto::ConvParams p{};
  p.window = {.stride_height = 1, .stride_width = 1, .pad_top = 1, .pad_left = 1};
  p.dilation_height = p.dilation_width = 1;
  p.clamp = {.low = -128, .high = 127};
  auto const of_channels = [](char const* name, proto::TensorType type, Bytes data) {
    return proto::TensorSpec{
        .name = name, .type = type, .shape = {kOutputs}, .scales = {}, .data = std::move(data)};
  };
  proto::ModelSpec spec;
  spec.input_count = 1;
  spec.tensors = {
      {.name = "in", .shape = {1, kSize, kSize, depth}, .scales = {1}, .zero_point = 127},
      {.name = "out", .shape = {1, kSize, kSize, kOutputs}, .scales = {1}},
      {.name = "weights",
       .shape = {kOutputs, 3, 3, depth},
       .scales = {1},
       .data = Bytes(size_t{kOutputs} * 9 * depth, static_cast<uint8_t>(weight))},
      of_channels("bias", proto::TensorType::int32, words(std::vector<int32_t>(kOutputs, bias))),
      of_channels("values", proto::TensorType::int32,
                  words(std::vector<int32_t>(kOutputs, 1 << 30))),
      of_channels("shifts", proto::TensorType::int8, Bytes(kOutputs, static_cast<uint8_t>(-18)))};
  spec.tensors[1].arena_offset = kSize * kSize * depth;
  spec.arena_bytes = spec.tensors[1].arena_offset + kSize * kSize * kOutputs;
  spec.outputs = {1};
  spec.operators = {{proto::Opcode::conv_2d, {0, 2, 3, 4, 5}, {1}, proto::param_words(p)}};
  return proto::write_model(spec);
}

void expect_as_portable(Bytes const& model, std::string const& what) {
  RandomStep random(1);
  auto portable = Engine::load(model, {.path = "portable"});
  ASSERT_TRUE(portable) << portable.error().what;
  Bytes inputs[] = {Bytes(portable->input_bytes(), 0x80), Bytes(portable->input_bytes(), 0x7f),
                    random.bytes(portable->input_bytes())};
  for (auto const& path : path_names()) {
    if (!check_options({.path = path})) continue;
    auto engine = Engine::load(model, {.path = path});
    ASSERT_TRUE(engine) << engine.error().what;
    for (auto const& input : inputs) {
      Bytes want(portable->output_bytes());
      Bytes got(want.size());
      portable->run(input, want);
      engine->run(input, got);
      ASSERT_EQ(want, got) << what << ", " << path;
    }
  }
}

TEST(Tiles, AreExactUpToTheLargestSumsAndLeaveLargerOnes) {
  // Below 2^25 up to 115.
  for (uint32_t depth : {1u, 16u, 57u, 114u, 115u, 116u, 160u, 300u})
    for (int8_t weight : {int8_t{127}, int8_t{-127}, int8_t{-128}})
      for (int32_t bias : {0, 35'000, -35'000, INT32_MAX, INT32_MIN})
        ASSERT_NO_FATAL_FAILURE(expect_as_portable(
            model_of(depth, weight, bias), std::to_string(depth) + " of " + std::to_string(weight) +
                                               ", bias " + std::to_string(bias)));
}

}  // namespace
}  // namespace godwit::engine
