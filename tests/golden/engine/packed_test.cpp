// What is packed at loading takes the place of the model's weights: nothing reads those any more,
// and unpacking gives the signed bytes back.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <random>
#include <unordered_map>

#include "agent/engine/engine.h"
#include "agent/engine/kept.h"
#include "agent/engine/program.h"
#include "compiler/compile.h"
#include "proto/trust/digest.h"

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

/// A kept file as it lies in a mapping: at a multiple of 64.
class KeptFile {
 public:
  explicit KeptFile(Engine const& engine) {
    auto const kept = keep(engine);
    size_ = kept.head.size() + kept.packed.size();
    bytes_.reset(new (std::align_val_t{kMemoryAlignment}) uint8_t[size_]);
    std::copy(kept.head.begin(), kept.head.end(), bytes_.get());
    std::copy(kept.packed.begin(), kept.packed.end(), bytes_.get() + kept.head.size());
  }
  auto view() const -> ByteView { return {bytes_.get(), size_}; }
  auto bytes() -> std::span<uint8_t> { return {bytes_.get(), size_}; }

 private:
  struct Free {
    void operator()(uint8_t* bytes) const {
      operator delete[](bytes, std::align_val_t{kMemoryAlignment});
    }
  };
  std::unique_ptr<uint8_t[], Free> bytes_;
  size_t size_ = 0;
};

TEST_P(Packed, WhatWasKeptTakesThePlaceOfPacking) {
  auto const expected = *proto::parse_model(model_)->golden();
  auto const hash = proto::sha256(model_);
  for (auto const& path : paths_here()) {
    auto const first = Engine::load(model_, {.path = path, .model_sha256 = hash});
    ASSERT_TRUE(first) << first.error().what;
    EXPECT_FALSE(first->kept());
    KeptFile const file(*first);
    // Unpacked it is the signed model: UnpackingGivesTheSignedBytesBack, for these very bytes.
    auto const packed = packed_of(model_, path);
    ASSERT_TRUE(std::ranges::equal(file.view().subspan(kKeptHeadBytes), packed))
        << "packing is deterministic";
    ASSERT_TRUE(check_kept(file.view()));
    Bytes copy = model_;
    auto second = Engine::load(copy, {.path = path, .kept = file.view(), .model_sha256 = hash});
    ASSERT_TRUE(second) << second.error().what;
    EXPECT_EQ(second->kept(), !packed.empty()) << path;
    // The weights are not even read at loading.
    for (auto const& view : second->unread())
      std::memset(copy.data() + (view.data() - copy.data()), 0x5a, view.size());
    EXPECT_EQ(golden(*second, expected), expected.outputs) << path;
    EXPECT_EQ(second->memory_bytes() + packed.size(), first->memory_bytes());
  }
}

TEST_P(Packed, WhatIsOfAnotherModelPathOrBuildIsNotUsed) {
  auto const hash = proto::sha256(model_);
  auto const first = Engine::load(model_, {.model_sha256 = hash});
  ASSERT_TRUE(first);
  KeptFile file(*first);
  auto const used = [&](EngineOptions options) {
    options.kept = options.kept.empty() ? file.view() : options.kept;
    auto const engine = Engine::load(model_, options);
    EXPECT_TRUE(engine);
    return engine->kept();
  };
  ASSERT_TRUE(used({.model_sha256 = hash}));
  EXPECT_FALSE(used({.model_sha256 = proto::sha256({})}));
  for (auto const& path : paths_here())
    EXPECT_EQ(used({.path = path, .model_sha256 = hash}), path == first->path()) << path;
  EXPECT_FALSE(used({.kept = file.view().first(file.view().size() - 1), .model_sha256 = hash}));
  EXPECT_FALSE(used({.kept = file.view().first(100), .model_sha256 = hash}));
  constexpr size_t kNamed = 8 + 32 + 64 + 64;  // the form; model, paths and build
  for (size_t at = 0; at < kNamed; ++at) {
    file.bytes()[at] ^= 1;
    EXPECT_FALSE(used({.model_sha256 = hash})) << at;
    file.bytes()[at] ^= 1;
  }
  ASSERT_TRUE(check_kept(file.view()));
  file.bytes()[kKeptHeadBytes] ^= 1;
  EXPECT_EQ(check_kept(file.view()).error().code, Code::corrupt);
  EXPECT_EQ(check_kept(file.view().first(10)).error().code, Code::corrupt);
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
