// New weights in the codes of a deployed network: which codes stay, and what biases make up for.
#include "compiler/requantise/requantise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "compiler/compile.h"
#include "compiler/evaluate.h"
#include "tests/unit/compiler/requantise/network.h"

namespace godwit::compiler {
namespace {

auto requantiser(Network const& network, std::vector<FloatTensor> const& weights) -> Requantiser {
  auto made = Requantiser::make(network.model, weights);
  EXPECT_TRUE(made) << made.error().what;
  return *std::move(made);
}

TEST(Requantise, WeightsThatDidNotMoveGiveTheDeployedModelByteForByte) {
  Network const network;
  auto const made = requantiser(network, network.weights).within(0.5);
  EXPECT_EQ(made.moved, 0u);
  EXPECT_EQ(made.clipped, 0u);
  EXPECT_EQ(made.codes, 96u + 18u);
  auto const deployed = compile_graph(network.model, {}, {});
  auto const again = compile_graph(made.model, {}, {});
  ASSERT_TRUE(deployed) << deployed.error().what;
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(deployed->model, again->model);
}

/// By channel in the first matrix, with one scale in the second.
TEST(Requantise, ACodeStaysUntilItsWeightIsFurtherAwayThanTau) {
  Network const network;
  auto const weights = moved(network.weights, 3, 7);
  for (double const tau : {0.5, 1.0, 1.5}) {
    auto const made = requantiser(network, weights).within(tau);
    size_t moves = 0;
    for (size_t const slot : {size_t{0}, size_t{2}}) {
      auto const& tensor = weights[slot];
      auto const old_codes = codes_of(network.model, tensor.name);
      auto const new_codes = codes_of(made.model, tensor.name);
      for (size_t i = 0; i < old_codes.size(); ++i) {
        auto const& scales = network.model.tensors[3 + slot].scales;
        double const scale = static_cast<double>(scales[i * scales.size() / old_codes.size()]);
        double const exact = static_cast<double>(tensor.values[i]) / scale;
        bool const near = std::abs(exact - old_codes[i]) <= tau;
        EXPECT_EQ(new_codes[i], near ? old_codes[i] : std::clamp(std::lround(exact), -127l, 127l));
        moves += new_codes[i] != old_codes[i];
      }
    }
    EXPECT_EQ(made.moved, moves);
    EXPECT_GT(moves, 0u);
  }
}

TEST(Requantise, BiasesAreTheNearestAtTheScaleOfInputTimesWeights) {
  Network const network;
  auto weights = network.weights;
  weights[1].values[2] = 0.5f;
  auto const made = requantiser(network, weights).within(2);
  auto const& bias = made.model.tensors[4];
  int32_t code = 0;
  std::memcpy(&code, &bias.data[8], 4);
  EXPECT_EQ(code, std::lround(0.5 / (0.02 * 0.014)));
}

TEST(Requantise, WeightsOutsideOfWhatScalesCanSayAreCounted) {
  Network const network;
  auto weights = network.weights;
  weights[0].values[5] = 127 * 0.01f * 2;
  weights[2].values[5] = -127 * 0.015f * 2;
  auto const made = requantiser(network, weights).within(1);
  EXPECT_EQ(made.clipped, 2u);
  EXPECT_EQ(codes_of(made.model, "first")[5], 127);
  EXPECT_EQ(codes_of(made.model, "second")[5], -127);
  EXPECT_EQ(requantiser(network, weights).with_own_scales().clipped, 0u);
}

TEST(Requantise, WithItsOwnScalesALayerMeansTheSame) {
  Network const network;
  auto weights = network.weights;
  for (auto& value : weights[0].values) value *= 3;
  for (auto& value : weights[1].values) value *= 3;
  auto const made = requantiser(network, weights).with_own_scales();
  auto const& matrix = made.model.tensors[3];
  auto const codes = codes_of(made.model, "first");
  for (size_t i = 0; i < codes.size(); ++i) {
    double const scale = static_cast<double>(matrix.scales[i / Network::kInputs]);
    EXPECT_NEAR(codes[i] * scale, static_cast<double>(weights[0].values[i]), scale * 0.501);
  }
  for (size_t c = 0; c < Network::kHidden; ++c) {
    int32_t code = 0;
    std::memcpy(&code, &made.model.tensors[4].data[4 * c], 4);
    double const step = static_cast<double>(matrix.scales[c]) * 0.02;
    EXPECT_NEAR(code * step, static_cast<double>(weights[1].values[c]), step * 0.501);
  }
}

/// All weights move by the same little, and no code does: without a correction the output is off.
TEST(Requantise, CalibratedBiasesMakeUpForWhatStaysBehind) {
  Network const network;
  auto weights = network.weights;
  for (size_t i = 0; i < weights[0].values.size(); ++i)
    weights[0].values[i] += 0.8f * network.model.tensors[3].scales[i / Network::kInputs];
  Bytes rows(64 * Network::kInputs);
  Numbers numbers(3);
  for (auto& byte : rows)
    byte = static_cast<uint8_t>(static_cast<int8_t>(60 + 30 * numbers.next()));

  auto uncorrected = requantiser(network, weights);
  auto corrected = requantiser(network, weights);
  ASSERT_TRUE(corrected.calibrate(rows));
  EXPECT_EQ(corrected.within(1).moved, 0u);
  auto const sum = [&](TfliteModel model) {
    model.outputs = {1};
    auto const compiled = compile_graph(model, {}, {});
    EXPECT_TRUE(compiled) << compiled.error().what;
    auto engine = engine::Engine::load(compiled->model);
    auto const outputs = run_rows(*engine, rows, false);
    double total = 0;
    for (uint8_t const byte : *outputs) total += static_cast<int8_t>(byte);
    return total / static_cast<double>(outputs->size());
  };
  double const right = sum(corrected.within(0.5).model);
  EXPECT_GT(std::abs(sum(uncorrected.within(1).model) - right), 2);
  EXPECT_NEAR(sum(corrected.within(1).model), right, 0.3);
}

TEST(Requantise, CalibrationWantsWholeRows) {
  Network const network;
  auto made = requantiser(network, network.weights);
  for (size_t const size : {size_t{0}, size_t{15}, size_t{17}}) {
    auto const done = made.calibrate(Bytes(size));
    ASSERT_FALSE(done) << size;
    EXPECT_NE(done.error().what.find("no multiple of the model's row of 16"), std::string::npos);
  }
}

auto refusal(TfliteModel const& base, std::vector<FloatTensor> const& weights) -> std::string {
  auto const made = Requantiser::make(base, weights);
  return made ? "" : made.error().what;
}

TEST(Requantise, SaysWhatABaseLacks) {
  Network network;
  auto weights = network.weights;
  auto base = network.model;
  base.tensors[3].scales.clear();
  EXPECT_NE(refusal(base, weights).find("the base must be the int8 model"), std::string::npos);
  base = network.model;
  base.tensors[5].type = TfliteType::int16;
  EXPECT_NE(refusal(base, weights).find("'second' of the base is int16: only weights of 8 and 4"),
            std::string::npos);
  base = network.model;
  base.tensors[3].scales.pop_back();
  EXPECT_NE(refusal(base, weights).find("has 5 scales"), std::string::npos);
  base = network.model;
  base.tensors[5].scales = {0};
  EXPECT_NE(refusal(base, weights).find("not a positive number"), std::string::npos);
  weights[2].values[0] = NAN;
  EXPECT_NE(refusal(network.model, weights).find("not all numbers"), std::string::npos);
  weights.pop_back();
  EXPECT_NE(refusal(network.model, weights).find("no tensor for 'second' (3x6)"),
            std::string::npos);
}

}  // namespace
}  // namespace godwit::compiler
