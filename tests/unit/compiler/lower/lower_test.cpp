// What the compiler says of graphs that it cannot compile: the first operator, the tensor, and why.
#include <gtest/gtest.h>

#include "compiler/lower/lower.h"
#include "compiler/read/flexbuffer.h"
#include "compiler/read/uint8.h"

namespace godwit::compiler {
namespace {

auto tensor(std::string name, std::vector<uint32_t> shape, TfliteType type = TfliteType::int8)
    -> TfliteTensor {
  TfliteTensor out{.name = std::move(name),
                   .type = type,
                   .shape = std::move(shape),
                   .elements = 1,
                   .scales = {0.5f},
                   .zero_points = {0},
                   .data = {}};
  for (uint32_t extent : out.shape) out.elements *= extent;
  return out;
}

auto op(TfliteCode code, std::vector<int32_t> inputs, std::vector<int32_t> outputs)
    -> TfliteOperator {
  return {.code = code,
          .name = tflite_code_name(static_cast<int32_t>(code)),
          .inputs = std::move(inputs),
          .outputs = std::move(outputs),
          .options = std::nullopt};
}

/// One operator between an input and an output of four values.
auto model_of(TfliteCode code) -> TfliteModel {
  TfliteModel model;
  model.tensors = {tensor("in", {4}), tensor("out", {4})};
  model.operators = {op(code, {0}, {1})};
  model.inputs = {0};
  model.outputs = {1};
  return model;
}

auto why(TfliteModel const& model) -> std::string {
  auto const graph = lower(model);
  return graph ? "" : graph.error().what;
}

TEST(Lower, NamesTheOperatorThatItLacksAndTheTensorThatItMakes) {
  auto const text = why(model_of(static_cast<TfliteCode>(48)));
  EXPECT_NE(text.find("operator 0 (TOPK_V2)"), std::string::npos) << text;
  EXPECT_NE(text.find("tensor 1 'out'"), std::string::npos) << text;
}

TEST(Lower, SaysWhereAnOperatorOfFloat32AloneCanBe) {
  auto const text = why(model_of(TfliteCode::sin));
  EXPECT_NE(text.find("operator 0 (SIN)"), std::string::npos) << text;
  EXPECT_NE(text.find("only of float32 between DEQUANTIZE and QUANTIZE"), std::string::npos)
      << text;
}

TEST(Lower, HoldsOutputsToTheChannelsOfTheWeights) {
  Bytes const data(8, 1);
  auto model = model_of(TfliteCode::fully_connected);
  model.tensors[1] = tensor("out", {1, 8});
  model.tensors.push_back(tensor("weights", {2, 4}));
  model.tensors.back().data = data;
  model.operators[0].inputs = {0, 2};
  EXPECT_NE(why(model).find("tensor 2 'weights' has 2 output channels, and the output another"),
            std::string::npos)
      << why(model);
  model.tensors[1] = tensor("out", {1, 2});
  EXPECT_EQ(why(model), "");
}

/// DEQUANTIZE, one operator on float32, QUANTIZE.
auto island_of(TfliteCode code) -> TfliteModel {
  TfliteModel model;
  auto const real = [](std::string name) {
    auto out = tensor(std::move(name), {4}, TfliteType::float32);
    out.scales.clear();
    out.zero_points.clear();
    return out;
  };
  model.tensors = {tensor("in", {4}), real("real"), real("made"), tensor("out", {4})};
  model.operators = {op(TfliteCode::dequantize, {0}, {1}), op(code, {1}, {2}),
                     op(TfliteCode::quantize, {2}, {3})};
  model.inputs = {0};
  model.outputs = {3};
  return model;
}

TEST(Lower, MakesATableOfAnIslandOfFloat32) {
  auto const graph = lower(island_of(TfliteCode::neg));
  ASSERT_TRUE(graph) << graph.error().what;
  auto const& last = graph->operators.back();
  ASSERT_EQ(last.code, proto::Opcode::lookup);
  EXPECT_EQ(last.inputs[0], 0u);
  auto const& table = *graph->tensors[last.inputs[1]].data;
  ASSERT_EQ(table.size(), 256u);
  EXPECT_EQ(table[5], 0xfb);
  EXPECT_EQ(table[0x80], 0x7f);  // -64 becomes 64, which the output cannot hold
}

/// What a comparison of the first two gave chooses between the first and the third.
auto selection() -> TfliteModel {
  TfliteModel model;
  for (auto const* name : {"a", "b", "c", "truth", "out"})
    model.tensors.push_back(tensor(name, {2, 4}));
  model.tensors[3].type = TfliteType::boolean;
  model.operators = {op(TfliteCode::less, {0, 1}, {3}), op(TfliteCode::select_v2, {3, 0, 2}, {4})};
  model.inputs = {0, 1, 2};
  model.outputs = {4};
  return model;
}

TEST(Lower, SelectsByTablesOfTheCondition) {
  auto const graph = lower(selection());
  ASSERT_TRUE(graph) << graph.error().what;
  EXPECT_EQ(graph->operators.back().code, proto::Opcode::maximum);
}

TEST(Lower, BelievesNoShapeOfTruth) {
  for (auto const& shape :
       {std::vector<uint32_t>{184549380, 0}, {2, 0}, {3, 4}, {1, 4}, {2, 2, 4}}) {
    auto model = selection();
    model.tensors[3].shape = shape;
    auto const text = why(model);
    EXPECT_NE(text.find("operator 1 (SELECT_V2): tensor 3 'truth'"), std::string::npos) << text;
  }
}

TEST(Lower, GivesAnIslandNoOtherSize) {
  auto model = island_of(TfliteCode::neg);
  model.tensors[3] = tensor("out", {8});
  EXPECT_NE(why(model).find("another number of elements"), std::string::npos) << why(model);
}

TEST(Lower, SaysWhatToDoWhereAnIslandIsReadAsAWhole) {
  auto model = island_of(TfliteCode::elu);
  model.operators[2] = op(TfliteCode::l2_normalization, {2}, {3});
  auto const text = why(model);
  EXPECT_NE(text.find("operator 2 (L2_NORMALIZATION): tensor 2 'made' is float32"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("the converter left its maker in float32"), std::string::npos) << text;
}

TEST(Lower, BoundsWhatIslandsOfPairsMayTake) {
  auto model = island_of(TfliteCode::add);
  constexpr int kPairs = 300;
  model.tensors.push_back(tensor("other", {4}));
  model.tensors.push_back(model.tensors[1]);
  model.inputs.push_back(4);
  model.operators = {op(TfliteCode::dequantize, {0}, {1}), op(TfliteCode::dequantize, {4}, {5})};
  int32_t last = 5;
  for (int i = 0; i < kPairs; ++i) {
    model.tensors.push_back(model.tensors[1]);
    auto const made = static_cast<int32_t>(model.tensors.size() - 1);
    model.operators.push_back(op(TfliteCode::add, {1, last}, {made}));
    last = made;
  }
  model.operators.push_back(op(TfliteCode::quantize, {last}, {3}));
  EXPECT_NE(why(model).find("one operator on pairs of values too many"), std::string::npos);
}

TEST(Lower, NamesATensorThatIsNotQuantised) {
  auto model = model_of(TfliteCode::relu);
  model.tensors[1].type = TfliteType::float32;
  auto const text = why(model);
  EXPECT_NE(text.find("operator 0 (RELU): tensor 1 'out' is float32, not int8"), std::string::npos)
      << text;
}

/// A fully connected layer of two values and uint8 weights with the zero point 100.
auto uint8_layer(Bytes const& weights) -> TfliteModel {
  auto model = model_of(TfliteCode::fully_connected);
  model.tensors = {tensor("in", {1, 2}, TfliteType::uint8),
                   tensor("out", {1, 1}, TfliteType::uint8),
                   tensor("weights", {1, 2}, TfliteType::uint8)};
  model.tensors[2].data = weights;
  model.tensors[2].zero_points = {100};
  model.operators = {op(TfliteCode::fully_connected, {0, 2}, {1})};
  return model;
}

TEST(Uint8, TakesTheZeroPointOffWeightsThatStillFit) {
  Bytes const weights{90, 227};
  auto model = uint8_layer(weights);
  move_to_int8(model);
  auto const graph = lower(model);
  ASSERT_TRUE(graph) << graph.error().what;
  ASSERT_EQ(graph->operators.size(), 3u);  // between two of QUANTIZE
  auto const& made = graph->tensors[graph->operators[1].inputs[1]];
  EXPECT_EQ(made.zero_point, 0);
  EXPECT_EQ(*made.data, (Bytes{static_cast<uint8_t>(-10), 127}));
}

TEST(Uint8, KeepsTheZeroPointOfOthers) {
  Bytes const weights{90, 228};
  auto model = uint8_layer(weights);
  move_to_int8(model);
  auto const graph = lower(model);
  ASSERT_TRUE(graph) << graph.error().what;
  auto const& made = graph->tensors[graph->operators[1].inputs[1]];
  EXPECT_EQ(made.zero_point, 100 - 128);
  EXPECT_EQ(*made.data, (Bytes{90 ^ 128, 228 ^ 128}));
}

TEST(Uint8, StaysWhereNothingComputesWithIt) {
  auto model = model_of(TfliteCode::quantize);
  model.tensors[0].type = TfliteType::uint8;
  move_to_int8(model);
  EXPECT_EQ(model.tensors[0].type, TfliteType::uint8);
  EXPECT_EQ(model.operators.size(), 1u);
}

/// {"a": -3, "bc": 0.5 (float32), "d": true} as FlexBuffers of four bytes a value.
Bytes const kOptions = {
    'a',  0,  'b', 'c', 0, 'd',        0,          3,           0,    0,          0,    11, 0, 0,
    0,    13, 0,   0,   0, 14,         0,          0,           0,    12,         0,    0,  0, 4,
    0,    0,  0,   3,   0, 0,          0,          0xfd,        0xff, 0xff,       0xff, 0,  0, 0,
    0x3f, 1,  0,   0,   0, 1 << 2 | 2, 3 << 2 | 2, 26 << 2 | 2, 15,   9 << 2 | 2, 1};

TEST(Flexbuffer, GivesTheNumbersOfAMap) {
  auto const numbers = read_flexbuffer_numbers(kOptions);
  ASSERT_TRUE(numbers) << numbers.error().what;
  std::map<std::string, double> const expected = {{"a", -3}, {"bc", 0.5}, {"d", 1}};
  EXPECT_EQ(*numbers, expected);
}

TEST(Flexbuffer, IsBoundedWhateverTheBytes) {
  for (size_t i = 0; i < kOptions.size(); ++i) {
    auto bytes = kOptions;
    for (uint32_t value = 0; value < 256; ++value) {
      bytes[i] = static_cast<uint8_t>(value);
      (void)read_flexbuffer_numbers(bytes);
    }
    (void)read_flexbuffer_numbers(ByteView(kOptions).first(i));
  }
}

TEST(Lower, LeavesOutWhatNoOutputNeeds) {
  auto model = model_of(TfliteCode::relu);
  model.tensors.push_back(tensor("unused", {4}));
  model.operators.push_back(op(static_cast<TfliteCode>(78), {0}, {2}));
  auto const graph = lower(model);
  ASSERT_TRUE(graph) << graph.error().what;
  EXPECT_EQ(graph->operators.size(), 1u);
}

TEST(Lower, WantsNoTensorTwice) {
  auto model = model_of(TfliteCode::relu);
  model.operators.push_back(op(TfliteCode::relu, {0}, {1}));
  EXPECT_NE(why(model).find("has a value already"), std::string::npos);
}

/// Damaged graphs: missing inputs and outputs, whatever the operator.
TEST(Lower, EveryOperatorRefusesMissingTensors) {
  using Numbers = std::vector<int32_t>;
  struct Case {
    Numbers inputs, outputs;
  };
  Case const cases[] = {{{}, {}},           {{}, {1}},       {{-1}, {1}}, {{-1, 0, -1, 0}, {1}},
                        {{-1, -1}, {1, 1}}, {{0, 0, 0}, {}}, {{0}, {}},   {{0, 0}, {1, 1, 1}}};
  for (int32_t code = 0; code < 160; ++code)
    for (auto const& [inputs, outputs] : cases) {
      auto model = model_of(static_cast<TfliteCode>(code));
      model.operators[0].inputs = inputs;
      model.operators[0].outputs = outputs;
      EXPECT_NE(why(model), "") << model.operators[0].name;
    }
}

}  // namespace
}  // namespace godwit::compiler
