#include "tests/unit/compiler/requantise/network.h"

#include <cstring>

namespace godwit::compiler {

namespace {

auto activation(std::string name, uint32_t values, float scale, int64_t zero_point)
    -> TfliteTensor {
  return {.name = std::move(name),
          .type = TfliteType::int8,
          .shape = {1, values},
          .elements = values,
          .scales = {scale},
          .zero_points = {zero_point},
          .data = {}};
}

auto matrix(std::vector<int32_t> inputs, int32_t output) -> TfliteOperator {
  return {.code = TfliteCode::fully_connected,
          .name = "FULLY_CONNECTED",
          .inputs = std::move(inputs),
          .outputs = {output},
          .options = std::nullopt};
}

auto random_codes(size_t count, uint32_t seed) -> Bytes {
  Numbers numbers(seed);
  Bytes codes(count);
  for (auto& code : codes) code = static_cast<uint8_t>(static_cast<int8_t>(numbers.next() * 100));
  return codes;
}

}  // namespace

void Network::add_constant(std::string name, TfliteType type, std::vector<uint32_t> shape,
                           std::vector<float> scales, Bytes bytes) {
  FloatTensor real{.name = name, .shape = shape, .values = {}};
  size_t const width = type == TfliteType::int32 ? 4 : 1;
  size_t const count = bytes.size() / width;
  for (size_t i = 0; i < count; ++i) {
    int32_t code = static_cast<int8_t>(bytes[i]);
    if (width == 4) std::memcpy(&code, &bytes[4 * i], 4);
    real.values.push_back(static_cast<float>(code) * scales[i * scales.size() / count]);
  }
  weights.push_back(std::move(real));
  data.push_back(std::move(bytes));
  model.tensors.push_back({.name = std::move(name),
                           .type = type,
                           .shape = std::move(shape),
                           .elements = static_cast<uint32_t>(count),
                           .scales = std::move(scales),
                           .zero_points = {0},
                           .data = data.back()});
}

Network::Network() {
  model.tensors = {activation("in", kInputs, 0.02f, -10), activation("hidden", kHidden, 0.05f, 3),
                   activation("out", kOutputs, 0.1f, 0)};
  std::vector<float> scales;
  std::vector<float> bias_scales;
  for (uint32_t c = 0; c < kHidden; ++c) {
    scales.push_back(0.01f + 0.002f * static_cast<float>(c));
    bias_scales.push_back(scales.back() * 0.02f);
  }
  add_constant("first", TfliteType::int8, {kHidden, kInputs}, scales,
               random_codes(kHidden * kInputs, 1));
  Bytes bias(4 * kHidden);
  for (uint32_t c = 0; c < kHidden; ++c) bias[4 * c] = static_cast<uint8_t>(10 * c + 1);
  add_constant("bias", TfliteType::int32, {kHidden}, bias_scales, std::move(bias));
  add_constant("second", TfliteType::int8, {kOutputs, kHidden}, {0.015f},
               random_codes(kOutputs * kHidden, 2));
  model.operators = {matrix({0, 3, 4}, 1), matrix({1, 5}, 2)};
  model.inputs = {0};
  model.outputs = {2};
}

auto codes_of(TfliteModel const& model, std::string const& name) -> std::vector<int8_t> {
  std::vector<int8_t> codes;
  for (auto const& tensor : model.tensors)
    if (tensor.name == name)
      for (uint8_t const byte : tensor.data) codes.push_back(static_cast<int8_t>(byte));
  return codes;
}

auto moved(std::vector<FloatTensor> weights, float steps, uint32_t seed)
    -> std::vector<FloatTensor> {
  Numbers numbers(seed);
  for (auto& tensor : weights)
    if (tensor.name != "bias")
      for (auto& value : tensor.values) value += steps * 0.02f * numbers.next();
  return weights;
}

}  // namespace godwit::compiler
