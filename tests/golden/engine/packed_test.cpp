// What is packed at loading takes the place of the model's weights: nothing reads those any more,
// and unpacking gives the signed bytes back.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <random>
#include <unordered_map>

#include "agent/engine/engine.h"
#include "agent/engine/program.h"
#include "compiler/compile.h"

namespace godwit::engine {
namespace {

auto read_file(std::string const& name) -> Bytes {
  std::ifstream file(std::string(GODWIT_TEST_DATA) + "/" + name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

auto paths_here() -> std::vector<std::string> {
  auto names = path_names();
  std::erase_if(names, [](auto const& name) { return !check_options({.path = name}); });
  return names;
}

class Packed : public testing::TestWithParam<char const*> {
 protected:
  void SetUp() override {
    auto compiled = compiler::compile_tflite(read_file(GetParam()), {});
    ASSERT_TRUE(compiled) << compiled.error().what;
    model_ = std::move(compiled->model);
  }
  /// Where in the model a view lies.
  auto offset(ByteView view) const -> size_t {
    return static_cast<size_t>(view.data() - model_.data());
  }
  static auto golden(Engine& engine, proto::Golden const& golden) -> Sha256 {
    return golden_hash(engine, golden.seed, golden.rows);
  }

  Bytes model_;
};

TEST_P(Packed, NoRunReadsTheWeightsThatWerePacked) {
  auto const expected = *proto::parse_model(model_)->golden();
  for (auto const& path : paths_here()) {
    Bytes copy = model_;
    auto engine = Engine::load(copy, {.path = path});
    ASSERT_TRUE(engine) << engine.error().what;
    size_t bytes = 0;
    for (auto const& view : engine->unread()) {
      std::memset(copy.data() + (view.data() - copy.data()), 0xa5, view.size());
      bytes += view.size();
    }
    EXPECT_EQ(golden(*engine, expected), expected.outputs) << path;
    bool const fastest = path == paths_here().front();
    EXPECT_TRUE(path == "portable" ? bytes == 0 : bytes > 0 || !fastest) << path;
    std::printf("%s: %s: %zu of %zu bytes packed\n", GetParam(), path.c_str(), bytes, copy.size());
  }
}

/// The packed region of a model on a path.
auto packed_of(ByteView model, std::string const& path) -> Bytes {
  auto const view = proto::parse_model(model);
  auto const choice = choose_path(path);
  auto const measured = measure(*view, choice);
  EXPECT_EQ(measured.status, Status::good);
  struct alignas(kMemoryAlignment) Line {
    uint8_t bytes[kMemoryAlignment];
  };
  std::vector<Line> block(measured.sizes.total() / sizeof(Line));
  auto const memory = Memory::in(block.front().bytes, measured.sizes);
  Program const program(*view, choice, memory);
  return {memory.packed, memory.packed + measured.sizes.packed_bytes};
}

/// Eight models with random weights teach where each weight goes: a place holds it if it agrees in
/// all of them. By these places the packed form of the signed model is taken apart.
TEST_P(Packed, UnpackingGivesTheSignedBytesBack) {
  constexpr size_t kModels = 8;
  for (auto const& path : paths_here()) {
    auto const engine = Engine::load(model_, {.path = path});
    ASSERT_TRUE(engine) << engine.error().what;
    std::vector<size_t> weights;  // places in the model
    for (auto const& view : engine->unread())
      for (size_t i = 0; i < view.size(); ++i) weights.push_back(offset(view) + i);
    std::mt19937 random(7);
    Bytes models[kModels];
    Bytes packed[kModels];
    for (size_t k = 0; k < kModels; ++k) {
      models[k] = model_;
      for (size_t const at : weights) models[k][at] = static_cast<uint8_t>(random());
      packed[k] = packed_of(models[k], path);
    }
    auto const word = [](Bytes const(&all)[kModels], size_t at) {
      uint64_t value = 0;
      for (auto const& bytes : all) value = value << 8 | bytes[at];
      return value;
    };
    std::unordered_map<uint64_t, size_t> places;
    for (size_t at = 0; at < packed[0].size(); ++at) places.emplace(word(packed, at), at);
    auto const signed_packed = packed_of(model_, path);
    ASSERT_EQ(signed_packed.size(), packed[0].size());
    Bytes unpacked = model_;
    for (size_t const at : weights) unpacked[at] = 0xa5;
    size_t lost = 0;
    for (size_t const at : weights) {
      auto const place = places.find(word(models, at));
      if (place == places.end())
        ++lost;
      else
        unpacked[at] = signed_packed[place->second];
    }
    EXPECT_EQ(lost, 0u) << path;
    EXPECT_TRUE(unpacked == model_) << path;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Packed,
                         testing::Values("models/ic-1.tflite", "models/vww-2.tflite",
                                         "models/kws-1.tflite", "models/sww-1.tflite",
                                         "golden/ops/lstm.tflite", "golden/ops/svdf_int8.tflite",
                                         "golden/ops/svdf_int16_stream.tflite"),
                         [](auto const& test) {
                           std::string name = test.param;
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return !std::isalnum(c); },
                               '_');
                           return name;
                         });

}  // namespace
}  // namespace godwit::engine
