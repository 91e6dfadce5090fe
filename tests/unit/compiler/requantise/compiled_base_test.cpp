// New weights near a compiled model: the same rules as near the file that it was compiled from, and
// nothing of the model changes but what they say.
#include "compiler/requantise/compiled_base.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "agent/engine/engine.h"
#include "compiler/requantise/search.h"
#include "tests/unit/compiler/requantise/network.h"

namespace godwit::compiler {
namespace {

auto data(std::string const& path) -> Bytes {
  std::ifstream stream(GODWIT_TEST_DATA + ("/" + path), std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

auto compiled(ByteView tflite) -> Bytes {
  auto made = compile_tflite(tflite, {.keep_constant_channels = true});
  EXPECT_TRUE(made) << made.error().what;
  return made ? made->model : Bytes();
}

/// What the deployed codes mean, by the names of the .tflite file.
auto meant(TfliteModel const& graph) -> std::vector<FloatTensor> {
  std::vector<FloatTensor> weights;
  for (auto const& tensor : graph.tensors) {
    bool const wide = tensor.type == TfliteType::int32;
    if (tensor.data.empty() || tensor.scales.empty() || (!wide && tensor.type != TfliteType::int8))
      continue;
    FloatTensor real{.name = tensor.name, .shape = tensor.shape, .values = {}};
    size_t inner = 1;
    for (size_t d = tensor.scale_axis + 1; d < tensor.shape.size(); ++d) inner *= tensor.shape[d];
    for (size_t i = 0; i < tensor.elements; ++i) {
      uint32_t bits = tensor.data[wide ? 4 * i : i];
      if (wide)
        for (size_t k = 1; k < 4; ++k) bits |= uint32_t{tensor.data[4 * i + k]} << (8 * k);
      auto const code = wide ? static_cast<int32_t>(bits) : static_cast<int8_t>(bits);
      size_t const channel = tensor.scales.size() > 1 ? i / inner % tensor.scales.size() : 0;
      real.values.push_back(static_cast<float>(code) * tensor.scales[channel]);
    }
    weights.push_back(std::move(real));
  }
  return weights;
}

/// A real network: MLPerf Tiny's image classifier, whose weights move by up to three steps.
class CompiledBaseTest : public testing::Test {
 protected:
  Bytes old_file_ = data("models/ic-1.tflite");
  Bytes deployed_ = compiled(old_file_);
  TfliteModel old_graph_ = *read_tflite(old_file_);
  CompiledBase base_ = *CompiledBase::read(deployed_);
};

TEST_F(CompiledBaseTest, WeightsThatDidNotMoveGiveTheSameModelByteForByte) {
  auto const requantiser = Requantiser::make(base_.graph(), meant(old_graph_));
  ASSERT_TRUE(requantiser) << requantiser.error().what;
  auto const made = requantiser->within(0.5);
  EXPECT_EQ(made.moved, 0u);
  EXPECT_GT(made.codes, 70'000u);
  auto const again = base_.with(made, *proto::parse_model(deployed_)->source());
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_TRUE(again->model == deployed_);
}

TEST_F(CompiledBaseTest, GivesWhatTheFileThatItWasCompiledFromGives) {
  auto const weights = moved(meant(old_graph_), 3, 7);
  auto const from_file = Requantiser::make(old_graph_, weights);
  auto const from_model = Requantiser::make(base_.graph(), weights);
  ASSERT_TRUE(from_file) << from_file.error().what;
  ASSERT_TRUE(from_model) << from_model.error().what;
  for (double const tau : {0.5, 1.0, 2.5}) {
    auto const made = from_model->within(tau);
    auto const model = base_.with(made, {});
    auto const wanted =
        compile_graph(from_file->within(tau).model, {}, {.keep_constant_channels = true});
    ASSERT_TRUE(model && wanted);
    EXPECT_GT(made.moved, 0u);
    // Only the seed of the golden rows is another: it stays the deployed one's.
    auto const renewed = [](ByteView bytes) {
      auto const view = proto::parse_model(bytes);
      Bytes constants(view->constants().begin(), view->constants().end());
      return constants;
    };
    EXPECT_TRUE(renewed(model->model) == renewed(wanted->model)) << tau;
  }
}

TEST_F(CompiledBaseTest, ItsOwnScalesAreThoseOfTheFileToo) {
  auto const weights = moved(meant(old_graph_), 3, 7);
  auto const from_file = Requantiser::make(old_graph_, weights)->with_own_scales();
  auto const from_model = Requantiser::make(base_.graph(), weights)->with_own_scales();
  auto const model = base_.with(from_model, {});
  auto const wanted = compile_graph(from_file.model, {}, {.keep_constant_channels = true});
  ASSERT_TRUE(model && wanted);
  auto const constants = [](ByteView bytes) { return proto::parse_model(bytes)->constants(); };
  EXPECT_TRUE(std::ranges::equal(constants(model->model), constants(wanted->model)))
      << "codes, biases, multipliers and shifts";
}

TEST_F(CompiledBaseTest, MeansAreThoseOfTheFile) {
  auto const weights = moved(meant(old_graph_), 3, 7);
  auto const rows = data("golden/ic.in.bin");
  ASSERT_FALSE(rows.empty());
  auto from_file = *Requantiser::make(old_graph_, weights);
  auto from_model = *Requantiser::make(base_.graph(), weights);
  auto const few = ByteView(rows).first(16 * 3072);
  ASSERT_TRUE(from_file.calibrate(few));
  auto const calibrated = from_model.calibrate(
      [&](auto const& made, auto const& requests) { return base_.measure(made, requests, few); });
  ASSERT_TRUE(calibrated) << calibrated.error().what;
  auto const model = base_.with(from_model.within(2.0), {});
  auto const wanted =
      compile_graph(from_file.within(2.0).model, {}, {.keep_constant_channels = true});
  ASSERT_TRUE(model && wanted);
  EXPECT_TRUE(std::ranges::equal(proto::parse_model(model->model)->constants(),
                                 proto::parse_model(wanted->model)->constants()));
}

TEST_F(CompiledBaseTest, TheSearchDrawsTheSameCurve) {
  auto const weights = moved(meant(old_graph_), 3, 7);
  auto const different = [](ByteView from, ByteView to) -> Result<uint64_t> {
    uint64_t count = 0;
    for (size_t i = 0; i < std::min(from.size(), to.size()); ++i) count += from[i] != to[i];
    return count;
  };
  auto const search = search_tau({base_.graph(), deployed_, &base_}, weights, {}, {.tau_lsb = 2.0},
                                 {.delta_bytes = different, .score_percent = {}});
  ASSERT_TRUE(search) << search.error().what;
  EXPECT_EQ(search->curve.size(), 2u);
  EXPECT_LT(search->curve[1].delta_bytes, search->curve[0].delta_bytes);
  auto const view = proto::parse_model(search->compiled.model);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->golden()->rows, proto::parse_model(deployed_)->golden()->rows);
  EXPECT_EQ(search->compiled.model.size(), deployed_.size()) << "nothing moved from its place";
}

TEST_F(CompiledBaseTest, ChannelsThatAreGoneAreNotGuessed) {
  auto const file = data("models/vww-1.tflite");
  auto const pruned = compile_tflite(file, {});
  ASSERT_TRUE(pruned && pruned->channels_removed > 0);
  auto const base = CompiledBase::read(pruned->model);
  ASSERT_TRUE(base) << base.error().what;
  auto const search = search_tau({base->graph(), pruned->model, &*base}, meant(*read_tflite(file)),
                                 {}, {.tau_lsb = 1.0}, {.delta_bytes = {}, .score_percent = {}});
  ASSERT_FALSE(search);
  EXPECT_NE(search.error().what.find("gone from a compiled model"), std::string::npos)
      << search.error().what;
}

/// The second matrix of the small network with weights of four bits.
struct Halves : Network {
  Halves() {
    auto& tensor = model.tensors[model.operators.back().inputs[1]];
    Bytes codes(tensor.data.begin(), tensor.data.end());
    for (auto& code : codes) code = static_cast<uint8_t>(static_cast<int8_t>(code) / 16);
    Bytes packed(codes.size() / 2);
    for (size_t i = 0; i < codes.size(); ++i)
      packed[i / 2] = static_cast<uint8_t>(packed[i / 2] | (codes[i] & 15) << (i % 2 * 4));
    for (auto& real : weights)
      if (real.name == tensor.name)
        for (size_t i = 0; i < codes.size(); ++i)
          real.values[i] = static_cast<float>(static_cast<int8_t>(codes[i])) * tensor.scales[0];
    data.push_back(std::move(packed));
    tensor.type = TfliteType::int4;
    tensor.data = data.back();
  }
};

TEST(CompiledHalves, CodesOfFourBitsStayNearTheDeployedOnes) {
  Halves const network;
  auto const deployed = compile_graph(network.model, {}, {});
  ASSERT_TRUE(deployed) << deployed.error().what;
  auto const view = proto::parse_model(deployed->model);
  bool four_bits = false;
  for (uint32_t i = 0; i < view->operator_count(); ++i)
    four_bits = four_bits || view->op(i).code() == proto::Opcode::fully_connected_4;
  ASSERT_TRUE(four_bits);
  auto const base = CompiledBase::read(deployed->model);
  ASSERT_TRUE(base) << base.error().what;

  auto const same = Requantiser::make(base->graph(), network.weights);
  ASSERT_TRUE(same) << same.error().what;
  EXPECT_TRUE(base->with(same->within(0.5), {})->model == deployed->model);

  auto const weights = moved(network.weights, 3, 7);
  auto const from_model = Requantiser::make(base->graph(), weights);
  auto const from_file = Requantiser::make(network.model, weights);
  ASSERT_TRUE(from_model && from_file);
  uint64_t moved_before = UINT64_MAX;
  for (double const tau : {0.5, 1.0, 2.0}) {
    auto const made = from_model->within(tau);
    EXPECT_EQ(made.moved, from_file->within(tau).moved);
    EXPECT_LE(made.moved, moved_before);
    moved_before = made.moved;
    auto const model = base->with(made, {});
    auto const wanted = compile_graph(from_file->within(tau).model, {}, {});
    ASSERT_TRUE(model && wanted);
    EXPECT_TRUE(std::ranges::equal(proto::parse_model(model->model)->constants(),
                                   proto::parse_model(wanted->model)->constants()))
        << tau;
  }
  EXPECT_GT(from_model->within(0.5).moved, 0u);
}

TEST(CompiledBase, WhatIsNoModelIsRefused) {
  EXPECT_FALSE(CompiledBase::read(Bytes(100)));
}

}  // namespace
}  // namespace godwit::compiler
