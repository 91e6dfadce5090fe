// The compiled graph before its memory is planned: what lowering makes, passes rewrite and the
// writer turns into a model.
#pragma once

#include "proto/format/model_write.h"

namespace godwit::compiler {

struct Graph {
  std::vector<proto::TensorSpec> tensors;  // numbered as the format asks: constants come last
  std::vector<proto::OperatorSpec> operators;
  uint32_t input_count = 0;
  std::vector<uint32_t> outputs;
  proto::Rounding rounding = proto::Rounding::twice;
  uint32_t state_bytes = 0;  // states were placed when they were lowered
};

/// What an operator makes, or an input: neither a constant nor a state.
inline auto is_activation(proto::TensorSpec const& tensor) -> bool {
  return !tensor.data && !tensor.state;
}

/// The parameters of an operator as the struct of its code.
template <typename T>
auto params_of(proto::OperatorSpec const& op) -> T {
  std::array<int32_t, sizeof(T) / 4> words{};
  CHECK(words.size() == op.params.size());
  std::copy(op.params.begin(), op.params.end(), words.begin());
  return std::bit_cast<T>(words);
}

}  // namespace godwit::compiler
