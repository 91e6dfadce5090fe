// Shapes that a file leaves open, and what is computed of shapes.
#include <gtest/gtest.h>

#include "compiler/read/known_numbers.h"
#include "compiler/read/open_shapes.h"

namespace godwit::compiler {
namespace {

class Open {
 public:
  TfliteModel model;

  auto tensor(std::vector<uint32_t> shape, std::vector<bool> open = {}) -> int32_t {
    TfliteTensor out{.name = "",
                     .type = TfliteType::int8,
                     .shape = std::move(shape),
                     .elements = 1,
                     .open = std::move(open),
                     .scales = {0.5f},
                     .zero_points = {0},
                     .data = {}};
    for (auto extent : out.shape) out.elements *= extent;
    model.tensors.push_back(std::move(out));
    return static_cast<int32_t>(model.tensors.size() - 1);
  }
  auto computed(std::vector<uint32_t> shape) -> int32_t {
    auto const index = tensor(std::move(shape));
    model.tensors.back().type = TfliteType::int32;
    return index;
  }
  auto numbers(std::vector<int32_t> values) -> int32_t {
    auto const index = computed({static_cast<uint32_t>(values.size())});
    Writer data;
    for (auto value : values) data.u32(static_cast<uint32_t>(value));
    model.tensors.back().data = model.made.emplace_back(std::move(data).take());
    return index;
  }
  void op(TfliteCode code, std::vector<int32_t> inputs, std::vector<int32_t> outputs) {
    model.operators.push_back({.code = code,
                               .name = "",
                               .inputs = std::move(inputs),
                               .outputs = std::move(outputs),
                               .options = std::nullopt});
  }
  auto shape(int32_t index) -> std::vector<uint32_t> const& {
    return model.tensors[static_cast<size_t>(index)].shape;
  }
};

using Shape = std::vector<uint32_t>;

TEST(OpenShapes, FollowTheBatchThroughBlocks) {
  Open open;
  auto const x = open.tensor({1, 8, 8, 3});
  auto const apart = open.tensor({1, 6, 6, 3}, {true, false, false, false});
  auto const convolved = open.tensor({1, 4, 4, 5}, {true, false, false, false});
  auto const whole = open.tensor({1, 8, 8, 5}, {true, false, false, false});
  auto const block = open.numbers({2, 2});
  auto const pads = open.numbers({2, 2, 2, 2});
  open.op(TfliteCode::space_to_batch_nd, {x, block, pads}, {apart});
  open.op(TfliteCode::conv_2d, {apart, open.tensor({5, 3, 3, 3}), -1}, {convolved});
  open.op(TfliteCode::batch_to_space_nd, {convolved, block, pads}, {whole});
  settle_shapes(open.model);
  EXPECT_EQ(open.shape(apart), (Shape{4, 6, 6, 3}));
  EXPECT_EQ(open.shape(convolved), (Shape{4, 4, 4, 5}));
  EXPECT_EQ(open.shape(whole), (Shape{1, 8, 8, 5}));
}

TEST(OpenShapes, AreComputedOfShapes) {
  Open open;
  auto const x = open.tensor({1, 7, 5, 4});
  auto const shape = open.computed({4});
  auto const kept = open.computed({2});
  auto const rows = open.computed({});
  auto const both = open.computed({2});
  auto const flat = open.tensor({1, 1}, {true, true});
  open.op(TfliteCode::shape, {x}, {shape});
  open.op(TfliteCode::gather, {shape, open.numbers({1, 2})}, {kept});
  open.op(TfliteCode::reduce_prod, {kept, open.numbers({0})}, {rows});
  auto const rest = open.numbers({-1});
  open.op(TfliteCode::pack, {rows, rest}, {both});
  open.op(TfliteCode::reshape, {x, both}, {flat});
  settle_shapes(open.model);
  EXPECT_EQ(known_numbers(open.model, rows), std::vector<int64_t>{35});
  EXPECT_EQ(open.shape(flat), (Shape{35, 4}));
  ASSERT_EQ(open.model.operators.size(), 1u);  // only RESHAPE computes anything of values
}

TEST(OpenShapes, FillsConstantsAndLeavesNoLargeOnes) {
  Open open;
  auto const value = open.tensor({});
  open.model.tensors[static_cast<size_t>(value)].data = open.model.made.emplace_back(Bytes{9});
  auto const state = open.tensor({1, 3}, {true, false});
  auto const large = open.tensor({1, 3}, {true, true});
  open.op(TfliteCode::fill, {open.numbers({2, 3}), value}, {state});
  open.op(TfliteCode::fill, {open.numbers({1 << 20, 1 << 20}), value}, {large});
  settle_shapes(open.model);
  EXPECT_EQ(open.shape(state), (Shape{2, 3}));
  auto const& data = open.model.tensors[static_cast<size_t>(state)].data;
  EXPECT_EQ(Bytes(data.begin(), data.end()), (Bytes{9, 9, 9, 9, 9, 9}));
  EXPECT_EQ(open.model.operators.size(), 1u);
}

TEST(OpenShapes, DivideOnlyByWhatIsNotZero) {
  Open open;
  auto const a = open.numbers({-7});
  auto const good = open.computed({1});
  auto const bad = open.computed({1});
  open.op(TfliteCode::floor_div, {a, open.numbers({2})}, {good});
  open.op(TfliteCode::floor_mod, {a, open.numbers({0})}, {bad});
  settle_shapes(open.model);
  EXPECT_EQ(known_numbers(open.model, good), std::vector<int64_t>{-4});
  EXPECT_EQ(known_numbers(open.model, bad), std::nullopt);
}

}  // namespace
}  // namespace godwit::compiler
