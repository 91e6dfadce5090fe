// Writes compiled models. Deterministic: equal specifications give equal bytes.
// Called by the compiler and by tests; `write_model` checks nothing, `parse_model` does.
#pragma once

#include "proto/format/model.h"

namespace godwit::proto {

struct TensorSpec {
  std::string name;
  TensorType type = TensorType::int8;
  std::vector<uint32_t> shape;
  std::vector<float> scales;
  uint32_t scale_axis = 0;
  int32_t zero_point = 0;
  uint32_t arena_offset = 0;    // of a tensor in the arena, or in the state
  std::optional<Bytes> data{};  // little-endian; makes the tensor a constant
  bool state = false;           // keeps its values from run to run
};

struct OperatorSpec {
  Opcode code{};
  std::vector<uint32_t> inputs;
  std::vector<uint32_t> outputs;
  std::vector<int32_t> params;
};

struct ModelSpec {
  std::vector<TensorSpec> tensors;  // in the order that ModelView tells of
  std::vector<OperatorSpec> operators;
  uint32_t input_count = 0;
  std::vector<uint32_t> outputs;
  uint32_t arena_bytes = 0;
  uint32_t state_bytes = 0;
  Rounding rounding = Rounding::twice;
  std::optional<Golden> golden{};
  std::optional<Sha256> source{};
};

/// The lowest format version whose engines run this model.
auto format_version(ModelSpec const& spec) -> uint16_t;

auto write_model(ModelSpec const& spec) -> Bytes;

/// The parameters of an operator as its words: the inverse of Operator::params.
template <typename T>
auto param_words(T const& params) -> std::vector<int32_t> {
  auto const words = std::bit_cast<std::array<int32_t, sizeof(T) / 4>>(params);
  return {words.begin(), words.end()};
}

/// Replaces the golden section of a valid model that has one.
auto with_golden(ByteView model, Golden const& golden) -> Result<Bytes>;

}  // namespace godwit::proto
