// SVDF and UNIDIRECTIONAL_SEQUENCE_LSTM: operators that remember.
#include <algorithm>
#include <cmath>

#include "compiler/lower/lower.h"

namespace godwit::compiler {

namespace {

auto bytes_of(TfliteTensor const& tensor) -> Bytes {
  return {tensor.data.begin(), tensor.data.end()};
}

/// A constant of one symmetric scale.
auto weights(Lowering const& lowering, size_t i, TfliteType type) -> Result<TfliteTensor const*> {
  TRY(auto const* tensor, lowering.constant(i, type));
  if (tensor->scales.size() != 1 || !(tensor->scales[0] > 0))
    return lowering.fail(i, "has no scale of its own");
  if (!tensor->zero_points.empty() && tensor->zero_points[0] != 0)
    return lowering.fail(i, "has a zero point: weights must be quantised symmetrically");
  return tensor;
}

auto add_weights(Lowering& lowering, TfliteTensor const& tensor) -> uint32_t {
  auto spec = tensor_spec(tensor);
  spec.data = bytes_of(tensor);
  return lowering.add_constant(std::move(spec));
}

}  // namespace

auto lower_svdf(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(5, 5));
  TRY(auto const* input, lowering.activation(0));
  TRY(auto const* output, lowering.output());
  TRY(auto const* feature, weights(lowering, 1, TfliteType::int8));
  bool const wide = lowering.input_type(2) == TfliteType::int16;
  auto const memory_type = wide ? TfliteType::int16 : TfliteType::int8;
  TRY(auto const* time, weights(lowering, 2, memory_type));
  TRY(auto const* state, lowering.activation(4, {memory_type}));
  TRY(auto const rank, lowering.option_int(0, 0));
  if (input->shape.size() != 2 || feature->shape.size() != 2 || time->shape.size() != 2)
    return lowering.fail(0, "or the weights do not have two dimensions");
  uint32_t const filters = feature->shape[0];
  if (rank < 1 || filters % static_cast<uint32_t>(rank) != 0)
    return invalid("has a rank that does not divide its filters");
  uint32_t const units = filters / static_cast<uint32_t>(rank);
  Bytes bias(4 * size_t{units});
  if (lowering.has_input(3)) {
    TRY(auto const* given, lowering.constant(3, TfliteType::int32));
    if (given->elements != units) return lowering.fail(3, "does not fit the units");
    bias = bytes_of(*given);
  }
  proto::SvdfParams const params{
      rank, quantise_multiplier(real_scale(*input) * real_scale(*feature) / real_scale(*state)),
      quantise_multiplier(real_scale(*state) * real_scale(*time) / real_scale(*output))};
  TRY(auto const value, lowering.value(0));
  auto const feature_value = add_weights(lowering, *feature);
  auto const time_value = add_weights(lowering, *time);
  auto const bias_value = lowering.add_constant({.name = output->name + ":bias",
                                                 .type = proto::TensorType::int32,
                                                 .shape = {units},
                                                 .scales = {},
                                                 .data = std::move(bias)});
  TRY(auto const state_value, lowering.state(4, memory_type));
  return lowering.finish({proto::Opcode::svdf,
                          {value, feature_value, time_value, bias_value, state_value},
                          {},
                          proto::param_words(params)});
}

namespace {

// Where TensorFlow Lite's operator has what.
constexpr size_t kInputWeights = 1, kRecurrentWeights = 5, kBias = 12, kHidden = 18, kCell = 19;

/// Peepholes (9-11), projection (16, 17) and layer normalisation (20-23) must be left out.
auto check_plain_lstm(Lowering const& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(20, 24));
  for (size_t i : {9, 10, 11})
    if (lowering.has_input(i)) return invalid("has peepholes, which cannot be compiled");
  for (size_t i : {16, 17})
    if (lowering.has_input(i)) return invalid("has a projection, which cannot be compiled");
  for (size_t i : {20, 21, 22, 23})
    if (lowering.has_input(i)) return invalid("has layer normalisation, which cannot be compiled");
  return {};
}

auto all_halves(Bytes const& weights) -> bool {
  return std::all_of(weights.begin(), weights.end(),
                     [](uint8_t byte) { return static_cast<uint8_t>(byte + 8) < 16; });
}

/// Weights of an even depth, of which all have four bits, as FULLY_CONNECTED_4 has them.
auto in_halves(proto::TensorSpec spec) -> proto::TensorSpec {
  Bytes halves;
  for (size_t i = 0; i < spec.data->size(); i += 2)
    halves.push_back(
        static_cast<uint8_t>((spec.data->at(i) & 0xf) | (spec.data->at(i + 1) & 0xf) << 4));
  spec.data = std::move(halves);
  spec.shape.back() /= 2;
  return spec;
}

/// The four gates' tensors from `first` on as one constant of shape [4, ...]; their scales too.
struct Gates {
  proto::TensorSpec weights;
  std::array<double, 4> scales;
};
auto join_gates(Lowering const& lowering, size_t first, std::vector<uint32_t> const& shape,
                std::string const& name) -> Result<Gates> {
  Gates gates{};
  proto::TensorSpec joined{.name = name, .shape = {4}, .scales = {}, .data = Bytes()};
  joined.shape.insert(joined.shape.end(), shape.begin(), shape.end());
  for (size_t g = 0; g < 4; ++g) {
    TRY(auto const* tensor, weights(lowering, first + g, TfliteType::int8));
    if (tensor->shape != shape) return lowering.fail(first + g, "does not fit the gates");
    joined.data->insert(joined.data->end(), tensor->data.begin(), tensor->data.end());
    joined.scales.push_back(tensor->scales[0]);
    gates.scales[g] = real_scale(*tensor);
  }
  gates.weights = std::move(joined);
  return gates;
}

auto join_biases(Lowering& lowering, uint32_t units, std::string const& name, bool wide)
    -> Result<uint32_t> {
  proto::TensorSpec joined{.name = name + ":bias",
                           .type = wide ? proto::TensorType::int64 : proto::TensorType::int32,
                           .shape = {4, units},
                           .scales = {},
                           .data = Bytes()};
  for (size_t g = 0; g < 4; ++g) {
    if (!lowering.has_input(kBias + g)) {
      joined.data->resize(joined.data->size() + (wide ? 8 : 4) * size_t{units});
      continue;
    }
    TRY(auto const* bias,
        lowering.constant(kBias + g, wide ? TfliteType::int64 : TfliteType::int32));
    if (bias->elements != units) return lowering.fail(kBias + g, "does not fit the units");
    joined.data->insert(joined.data->end(), bias->data.begin(), bias->data.end());
  }
  return lowering.add_constant(std::move(joined));
}

/// How the cell state comes to the scale of the table, and its bound.
auto set_cell(Lowering const& lowering, TfliteTensor const& cell, proto::LstmParams& params)
    -> Result<> {
  auto const power = static_cast<int32_t>(std::lround(std::log2(real_scale(cell))));
  if (std::abs(std::log2(real_scale(cell)) - power) >= 1e-3 || power < -24 || power > 0)
    return lowering.fail(kCell, "has a scale that is no power of two");
  int32_t const shift = 12 + power;
  params.tanh_multiplier = shift < 0 ? 3 : 3 << shift;
  params.tanh_shift = std::max(-shift, 0);
  TRY(auto const clip, lowering.option_float(1, 0.0f));
  if (clip > 0)
    params.cell_clip =
        static_cast<int32_t>(std::min(static_cast<double>(clip) / real_scale(cell), 32767.0));
  return {};
}

}  // namespace

auto lower_lstm(Lowering& lowering) -> Result<> {
  TRY_VOID(check_plain_lstm(lowering));
  TRY(auto const* output, lowering.output(0, whole_types()));
  TRY(auto const* input, lowering.activation(0, {output->type}));
  TRY(auto const* hidden, lowering.activation(kHidden, {output->type}));
  TRY(auto const* cell, lowering.activation(kCell, {TfliteType::int16}));
  if (input->shape.size() != 3 || output->shape.size() != 3)
    return lowering.fail(0, "does not have three dimensions, or the output does not");
  uint32_t const units = output->shape[2];
  proto::LstmParams params{};
  TRY(auto const activation, lowering.option_byte(0));
  if (activation != 4 && activation != 6)
    return invalid("has an activation that is neither TANH nor SIGMOID");
  params.cell_activation = activation == 6;
  TRY(auto const time_major, lowering.option_byte(3));
  params.time_major = time_major != 0;
  TRY_VOID(set_cell(lowering, *cell, params));
  TRY(auto const value, lowering.value(0));
  TRY(auto seen, join_gates(lowering, kInputWeights, {units, input->shape[2]},
                            output->name + ":input_weights"));
  TRY(auto remembered,
      join_gates(lowering, kRecurrentWeights, {units, units}, output->name + ":recurrent_weights"));
  constexpr double kGateInput = 1.0 / (1 << 12);
  constexpr double kGateOutput = 1.0 / (1 << 15);
  for (size_t g = 0; g < 4; ++g) {
    params.input[g] = quantise_multiplier(real_scale(*input) * seen.scales[g] / kGateInput);
    params.recurrent[g] =
        quantise_multiplier(real_scale(*hidden) * remembered.scales[g] / kGateInput);
  }
  params.forget = quantise_multiplier(kGateOutput * real_scale(*cell) / real_scale(*cell));
  params.update = quantise_multiplier(kGateOutput * kGateOutput / real_scale(*cell));
  params.output = quantise_multiplier(kGateOutput * kGateOutput / real_scale(*hidden));
  bool const halves = output->type == TfliteType::int8 && units % 2 == 0 &&
                      input->shape[2] % 2 == 0 && all_halves(*seen.weights.data) &&
                      all_halves(*remembered.weights.data);
  for (auto* gates : {&seen, &remembered})
    if (halves) gates->weights = in_halves(std::move(gates->weights));
  auto const seen_value = lowering.add_constant(std::move(seen.weights));
  auto const remembered_value = lowering.add_constant(std::move(remembered.weights));
  TRY(auto const bias,
      join_biases(lowering, units, output->name, output->type == TfliteType::int16));
  TRY(auto const hidden_value, lowering.state(kHidden, output->type));
  TRY(auto const cell_value, lowering.state(kCell, TfliteType::int16));
  return lowering.finish(
      {halves ? proto::Opcode::lstm_4 : proto::Opcode::unidirectional_sequence_lstm,
       {value, seen_value, remembered_value, bias, hidden_value, cell_value},
       {},
       proto::param_words(params)});
}

}  // namespace godwit::compiler
