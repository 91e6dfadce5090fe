// A model with any one byte changed is refused, or runs inside its memory on every path: regions of
// exactly the measured sizes, each of its own, so that AddressSanitizer sees every step outside.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "agent/engine/program.h"
#include "compiler/compile.h"
#include "tests/unit/agent/engine/random_step.h"

namespace godwit::engine {
namespace {

constexpr size_t kModelBytesMax = 3000;
constexpr uint32_t kSeedsMax = 500;
constexpr uint64_t kMemoryBytesMax = 16u << 20;  // what a larger arena asks for is not tried

class Region {
 public:
  explicit Region(uint64_t size_bytes)
      : bytes_(static_cast<uint8_t*>(size_bytes ? std::aligned_alloc(kMemoryAlignment, size_bytes)
                                                : nullptr)) {
    if (bytes_) std::memset(bytes_.get(), 0x5a, size_bytes);
  }
  auto data() const -> uint8_t* { return bytes_.get(); }

 private:
  struct Free {
    void operator()(uint8_t* bytes) const { std::free(bytes); }
  };
  std::unique_ptr<uint8_t, Free> bytes_;
};

void run_in(proto::ModelView const& model, Choice const& choice, Sizes const& sizes) {
  Region const tables(sizes.tables_bytes);
  Region const packed(sizes.packed_bytes);
  Region const state(sizes.state_bytes);
  Region const work(sizes.work_bytes);
  Program const program(model, choice, {tables.data(), packed.data(), state.data(), work.data()});
  for (uint32_t i = 0; i < model.input_count(); ++i) {
    auto const input = program.input(i);
    for (uint32_t k = 0; k < input.size_bytes; ++k)
      input.data[k] = static_cast<uint8_t>(k * 37 + 11);
  }
  program.run();
  program.run();
}

struct Counts {
  uint32_t refused = 0;
  uint32_t ran = 0;
};

void try_bytes(Bytes const& bytes, Counts& counts) {
  proto::ModelView model;
  if (!proto::parse_model(bytes, model).good()) {
    ++counts.refused;
    return;
  }
  for (auto const* path : paths()) {
    if (!path->runs_here()) continue;
    auto const choice = choose_path(path->name);
    auto const measured = measure(model, choice);
    if (measured.status != Status::good || measured.sizes.total() > kMemoryBytesMax) continue;
    run_in(model, choice, measured.sizes);
  }
  ++counts.ran;
}

/// A model of one operator on int8 tensors of rank 4.
auto simple(proto::Opcode code, std::vector<int32_t> params, std::vector<uint32_t> in,
            std::vector<uint32_t> out) -> Bytes {
  proto::ModelSpec spec;
  spec.tensors = {{.name = "in", .shape = std::move(in), .scales = {1}},
                  {.name = "out", .shape = std::move(out), .scales = {1}, .arena_offset = 256}};
  spec.operators = {{code, {0}, {1}, std::move(params)}};
  spec.input_count = 1;
  spec.outputs = {1};
  spec.arena_bytes = 512;
  return proto::write_model(spec);
}

/// The first of the random models that is small.
auto small_random(std::function<Bytes(RandomStep&)> const& make) -> Bytes {
  for (uint32_t seed = 1; seed <= kSeedsMax; ++seed) {
    RandomStep random(seed);
    auto model = make(random);
    if (model.size() <= kModelBytesMax) return model;
  }
  return {};
}

/// Each byte changed in four ways, one at a time; of a model that is mostly tables in two.
auto mutate(Bytes model) -> Counts {
  Counts counts;
  std::vector<uint32_t> changes = {0x01, 0xff, 0x10, 0x80};
  if (model.size() > kModelBytesMax) changes.resize(2);
  constexpr size_t kStructureBytes = 16'384;  // what lies behind is constants: every 64th of those
  for (size_t i = 0; i < model.size(); i += i < kStructureBytes ? 1 : 64)
    for (uint32_t const change : changes) {
      auto& byte = model[i];
      byte = static_cast<uint8_t>(byte ^ change);
      try_bytes(model, counts);
      byte = static_cast<uint8_t>(byte ^ change);
    }
  return counts;
}

struct Case {
  char const* name;
  std::function<Bytes()> make;
};

class Mutation : public testing::TestWithParam<Case> {};

TEST_P(Mutation, OfAnyByteIsRefusedOrRunsWithinBounds) {
  auto const model = GetParam().make();
  ASSERT_FALSE(model.empty());
  Counts whole;
  try_bytes(model, whole);
  ASSERT_EQ(whole.ran, 1u);
  auto const counts = mutate(model);
  std::printf("%s: %zu bytes; %u mutants refused, %u ran\n", GetParam().name, model.size(),
              counts.refused, counts.ran);
  EXPECT_GT(counts.refused, 0u);
  EXPECT_GT(counts.ran, 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Operators, Mutation,
    testing::Values(
        Case{"conv", [] { return small_random([](RandomStep& r) { return r.conv(false); }); }},
        Case{"depthwise", [] { return small_random([](RandomStep& r) { return r.conv(true); }); }},
        Case{"fully_connected",
             [] { return small_random([](RandomStep& r) { return r.fully_connected(); }); }},
        Case{"add", [] { return small_random([](RandomStep& r) { return r.add(); }); }},
        Case{"average_pool",
             [] {
               return small_random(
                   [](RandomStep& r) { return r.pool(proto::Opcode::average_pool_2d); });
             }},
        Case{"max_pool",
             [] {
               return small_random(
                   [](RandomStep& r) { return r.pool(proto::Opcode::max_pool_2d); });
             }},
        Case{"mean", [] { return small_random([](RandomStep& r) { return r.mean(); }); }},
        Case{"pad",
             [] {
               return simple(proto::Opcode::pad,
                             proto::param_words(proto::PadParams{{0, 1, 1, 0, 0, 0}, -3}),
                             {1, 3, 3, 4}, {1, 5, 5, 4});
             }},
        Case{"reshape",
             [] {
               return simple(proto::Opcode::reshape, {}, {1, 3, 3, 4}, {1, 36, 1, 1});
             }},
        Case{"softmax",
             [] {
               return simple(proto::Opcode::softmax,
                             proto::param_words(proto::SoftmaxParams{{1 << 30, 23}, -248}),
                             {1, 2, 2, 10}, {1, 2, 2, 10});
             }}),
    [](auto const& test) { return std::string(test.param.name); });

auto read_data(std::string const& name) -> Bytes {
  std::ifstream file(std::string(GODWIT_TEST_DATA) + "/golden/ops/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Of the compiled sets of tests/data/golden/ops, the smallest with each operator and form.
auto smallest_plans() -> std::map<std::string, Bytes> {
  std::map<std::string, Bytes> plans;
  std::istringstream list(std::string(as_text(read_data("seeds.txt"))));
  for (std::string name, seed; list >> name >> seed;) {
    auto const compiled = compiler::compile_tflite(read_data(name + ".tflite"), {.golden_rows = 0});
    if (!compiled) continue;
    auto const model = proto::parse_model(compiled->model);
    for (uint32_t i = 0; i < model->operator_count(); ++i) {
      auto const op = model->op(i);
      bool const wide =
          op.output_count() > 0 && model->tensor(op.output(0)).type == proto::TensorType::int16;
      auto& plan = plans[std::string(to_string(op.code())) + (wide ? " of int16" : "")];
      if (plan.empty() || compiled->model.size() < plan.size()) plan = compiled->model;
    }
  }
  return plans;
}

TEST(MutationOfCompiledPlans, OfEveryOperatorIsRefusedOrRunsWithinBounds) {
  auto const plans = smallest_plans();
  std::set<proto::Opcode> codes;
  for (auto const& [name, plan] : plans) {
    auto const counts = mutate(plan);
    std::printf("%s: %zu bytes; %u mutants refused, %u ran\n", name.c_str(), plan.size(),
                counts.refused, counts.ran);
    EXPECT_GT(counts.refused, 0u) << name;
    EXPECT_GT(counts.ran, 0u) << name;
    auto const model = proto::parse_model(plan);
    for (uint32_t i = 0; i < model->operator_count(); ++i) codes.insert(model->op(i).code());
  }
  EXPECT_EQ(codes.size(), kPortable.kernels.size()) << "an operator is in no plan";
}

}  // namespace
}  // namespace godwit::engine
