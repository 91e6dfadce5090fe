// The C interface: what it refuses, and that it stays inside the memory that it asked for.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "agent/engine/library/godwit_engine.h"
#include "proto/format/model_write.h"
#include "proto/format/operators.h"

namespace godwit {
namespace {

constexpr uint8_t kGuard = 0xa5;

/// Eight int8 values, reshaped; with a state of 32 bytes that begins as 7.
auto small_model() -> Bytes {
  proto::ModelSpec spec;
  spec.tensors = {{.name = "in", .shape = {8}, .scales = {0.5F}, .zero_point = 3},
                  {.name = "out", .shape = {2, 4}, .scales = {1}, .arena_offset = 16},
                  {.name = "memory", .shape = {32}, .scales = {1}, .zero_point = 7, .state = true}};
  spec.operators = {{proto::Opcode::reshape, {0}, {1}, {}}};
  spec.input_count = 1;
  spec.outputs = {1};
  spec.arena_bytes = 32;
  spec.state_bytes = 32;
  return proto::write_model(spec);
}

/// A region of exactly the size that was asked for, between guards.
class Guarded {
 public:
  explicit Guarded(godwit_engine_region& region)
      : size_(region.size_bytes),
        bytes_(static_cast<uint8_t*>(std::aligned_alloc(kAlignment, total())), std::free) {
    std::fill_n(bytes_.get(), total(), kGuard);
    region.data = bytes_.get() + kAlignment;
  }
  auto whole() const -> bool {
    auto const guard = [](uint8_t byte) { return byte == kGuard; };
    return std::all_of(bytes_.get(), bytes_.get() + kAlignment, guard) &&
           std::all_of(bytes_.get() + kAlignment + size_, bytes_.get() + total(), guard);
  }

 private:
  static constexpr size_t kAlignment = GODWIT_ENGINE_ALIGNMENT;
  auto total() const -> size_t { return (size_ + 3 * kAlignment - 1) / kAlignment * kAlignment; }
  size_t size_;
  std::unique_ptr<uint8_t, void (*)(void*)> bytes_;
};

struct Loaded {
  explicit Loaded(Bytes const& model) {
    EXPECT_EQ(godwit_engine_measure(model.data(), model.size(), nullptr, &memory),
              GODWIT_ENGINE_OK);
    for (auto* region : {&memory.tables, &memory.packed, &memory.state, &memory.work})
      regions.push_back(std::make_unique<Guarded>(*region));
    EXPECT_EQ(godwit_engine_load(model.data(), model.size(), nullptr, &memory, &engine),
              GODWIT_ENGINE_OK);
  }
  auto whole() const -> bool {
    return std::all_of(regions.begin(), regions.end(), [](auto const& r) { return r->whole(); });
  }
  godwit_engine_memory memory{};
  std::vector<std::unique_ptr<Guarded>> regions;
  godwit_engine* engine = nullptr;
};

TEST(EngineLibrary, RunsInTheMemoryThatItAskedFor) {
  auto const model = small_model();
  Loaded loaded(model);
  auto const input = godwit_engine_input(loaded.engine, 0);
  auto const output = godwit_engine_output(loaded.engine, 0);
  for (uint8_t i = 0; i < 8; ++i) static_cast<uint8_t*>(input.data)[i] = i;
  godwit_engine_run(loaded.engine);
  for (uint8_t i = 0; i < 8; ++i) EXPECT_EQ(static_cast<uint8_t*>(output.data)[i], i);
  EXPECT_TRUE(loaded.whole());
}

TEST(EngineLibrary, TellsOfTensors) {
  auto const model = small_model();
  Loaded loaded(model);
  EXPECT_EQ(godwit_engine_input_count(loaded.engine), 1u);
  EXPECT_EQ(godwit_engine_output_count(loaded.engine), 1u);
  auto const input = godwit_engine_input(loaded.engine, 0);
  EXPECT_EQ(std::string(input.name, input.name_bytes), "in");
  EXPECT_EQ(input.type, GODWIT_ENGINE_INT8);
  EXPECT_EQ(input.rank, 1u);
  EXPECT_EQ(input.shape[0], 8u);
  EXPECT_EQ(input.scale, 0.5F);
  EXPECT_EQ(input.zero_point, 3);
  EXPECT_EQ(input.size_bytes, 8u);
  EXPECT_EQ(godwit_engine_output(loaded.engine, 0).shape[1], 4u);
}

TEST(EngineLibrary, StateBeginsAsTheZeroPointAndCanBeReset) {
  auto const model = small_model();
  Loaded loaded(model);
  auto const state = godwit_engine_state(loaded.engine);
  ASSERT_EQ(state.size_bytes, 32u);
  auto* const bytes = static_cast<uint8_t*>(state.data);
  EXPECT_TRUE(std::all_of(bytes, bytes + 32, [](uint8_t byte) { return byte == 7; }));
  std::fill_n(bytes, 32, uint8_t{1});
  godwit_engine_run(loaded.engine);
  EXPECT_EQ(bytes[31], 1);
  godwit_engine_reset_state(loaded.engine);
  EXPECT_EQ(bytes[31], 7);
}

TEST(EngineLibrary, RefusesMemoryThatIsTooSmallOrNotAligned) {
  auto const model = small_model();
  Loaded loaded(model);
  for (auto region :
       {&godwit_engine_memory::tables, &godwit_engine_memory::state, &godwit_engine_memory::work}) {
    godwit_engine* engine = nullptr;
    auto memory = loaded.memory;
    --(memory.*region).size_bytes;
    EXPECT_EQ(godwit_engine_load(model.data(), model.size(), nullptr, &memory, &engine),
              GODWIT_ENGINE_MEMORY);
    memory = loaded.memory;
    (memory.*region).data = static_cast<uint8_t*>((memory.*region).data) + 1;
    EXPECT_EQ(godwit_engine_load(model.data(), model.size(), nullptr, &memory, &engine),
              GODWIT_ENGINE_MEMORY);
    memory = loaded.memory;
    (memory.*region).data = nullptr;
    EXPECT_EQ(godwit_engine_load(model.data(), model.size(), nullptr, &memory, &engine),
              GODWIT_ENGINE_MEMORY);
    EXPECT_EQ(engine, nullptr);
  }
}

TEST(EngineLibrary, RefusesModelsAndPathsWithTheReason) {
  auto model = small_model();
  godwit_engine_memory memory{};
  auto const measured = [&](char const* path) {
    return godwit_engine_measure(model.data(), model.size(), path, &memory);
  };
  EXPECT_EQ(measured("portable"), GODWIT_ENGINE_OK);
  EXPECT_EQ(measured("abacus"), GODWIT_ENGINE_UNKNOWN_PATH);
  EXPECT_EQ(measured("port"), GODWIT_ENGINE_UNKNOWN_PATH);
  EXPECT_EQ(measured("portable2"), GODWIT_ENGINE_UNKNOWN_PATH);
  model[8] = 99;
  EXPECT_EQ(measured(nullptr), GODWIT_ENGINE_NEWER);
  model[0] = 'X';
  EXPECT_EQ(measured(nullptr), GODWIT_ENGINE_CORRUPT);
  EXPECT_EQ(godwit_engine_measure(nullptr, 0, nullptr, &memory), GODWIT_ENGINE_CORRUPT);
}

TEST(EngineLibrary, ListsThePathsThatRunHere) {
  auto const model = small_model();
  godwit_engine_memory memory{};
  std::string last;
  for (size_t i = 0; auto const* name = godwit_engine_path_name(i); ++i) {
    EXPECT_EQ(godwit_engine_measure(model.data(), model.size(), name, &memory), GODWIT_ENGINE_OK);
    last = name;
  }
  EXPECT_EQ(last, "portable");
}

/// One convolution of 4,194,304 multiply-adds.
auto large_model() -> Bytes {
  constexpr uint32_t kChannels = 32;
  std::mt19937 random(1);
  auto const bytes = [&](size_t count) {
    Bytes all(count);
    for (auto& byte : all) byte = static_cast<uint8_t>(random() % 255 - 127);
    return all;
  };
  Bytes values;
  for (uint32_t i = 0; i < kChannels; ++i) values.insert(values.end(), {0, 0, 0, 0x40});
  proto::ConvParams p{};
  p.window = {1, 1, 0, 0};
  p.dilation_height = p.dilation_width = 1;
  p.clamp = {-128, 127};
  auto const word = proto::TensorType::int32;
  proto::ModelSpec spec;
  spec.tensors = {
      {.name = "in", .shape = {1, 64, 64, kChannels}, .scales = {1}},
      {.name = "out", .shape = {1, 64, 64, kChannels}, .scales = {1}, .arena_offset = 1 << 17},
      {.name = "weights",
       .shape = {kChannels, 1, 1, kChannels},
       .scales = {1},
       .data = bytes(kChannels * kChannels)},
      {.name = "bias", .type = word, .shape = {kChannels}, .scales = {}, .data = Bytes(128)},
      {.name = "values", .type = word, .shape = {kChannels}, .scales = {}, .data = values},
      {.name = "shifts", .shape = {kChannels}, .scales = {}, .data = Bytes(kChannels, 0xf8)}};
  spec.operators = {{proto::Opcode::conv_2d, {0, 2, 3, 4, 5}, {1}, proto::param_words(p)}};
  spec.input_count = 1;
  spec.outputs = {1};
  spec.arena_bytes = 1 << 18;
  return proto::write_model(spec);
}

/// No threads, but another order; counts.
void last_part_first(void* context, void (*part)(void* work, uint32_t index), void* work) {
  constexpr uint32_t kParts = 3;
  for (uint32_t i = kParts; i-- > 0;) part(work, i);
  ++*static_cast<int*>(context);
}

TEST(EngineLibrary, RunsLargeLayersInPartsWithTheSameOutputs) {
  auto const model = large_model();
  Loaded loaded(model);
  ASSERT_TRUE(loaded.engine);
  auto const input = godwit_engine_input(loaded.engine, 0);
  auto const output = godwit_engine_output(loaded.engine, 0);
  for (size_t i = 0; i < input.size_bytes; ++i)
    static_cast<uint8_t*>(input.data)[i] = static_cast<uint8_t>(i * 37 + i / 64);
  auto const bytes = [&] {
    auto const* const first = static_cast<uint8_t const*>(output.data);
    return Bytes(first, first + output.size_bytes);
  };
  godwit_engine_run(loaded.engine);
  auto const alone = bytes();
  std::memset(output.data, 0, output.size_bytes);
  int layers = 0;
  godwit_engine_crew crew{
      3, last_part_first, &layers, {nullptr, godwit_engine_crew_bytes(loaded.engine, 3)}};
  EXPECT_EQ(godwit_engine_run_together(loaded.engine, &crew), GODWIT_ENGINE_MEMORY);
  Guarded const memory(crew.memory);
  EXPECT_EQ(godwit_engine_run_together(loaded.engine, &crew), GODWIT_ENGINE_OK);
  EXPECT_EQ(layers, 1);
  EXPECT_EQ(bytes(), alone);
  EXPECT_TRUE(memory.whole() && loaded.whole());
  for (uint32_t const size : {0u, 5u}) {
    crew.size = size;
    EXPECT_EQ(godwit_engine_run_together(loaded.engine, &crew), GODWIT_ENGINE_MEMORY);
  }
}

TEST(EngineLibrary, SaysWhenThereAreNoGoldenOutputs) {
  auto const model = small_model();
  EXPECT_EQ(godwit_engine_check_golden(Loaded(model).engine), GODWIT_ENGINE_NO_GOLDEN);
}

}  // namespace
}  // namespace godwit
