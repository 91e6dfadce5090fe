// What a compiled model consists of and what it costs, for people and their scripts.
#pragma once

#include "proto/format/operators.h"

namespace godwit::compiler {

struct OperatorCost {
  std::string name;
  std::string output;  // the tensor that it makes, or the state that it writes
  std::vector<uint32_t> shape;
  uint64_t macs = 0;
  uint64_t constant_bytes = 0;
};

struct ModelCost {
  std::vector<OperatorCost> operators;
  uint64_t macs = 0;            // multiplications with weights, for one row
  uint64_t constant_bytes = 0;  // weights, biases, multipliers
  uint32_t live_bytes_max = 0;  // no arena without overlaps is smaller
};

/// The arena while each operator runs, one line for each, lowest offset first: '#' written by it,
/// '=' read by it, '%' both (an output over an input that dies), '.' kept for later, ' ' free.
auto draw_arena(proto::ModelView const& model, uint32_t columns) -> std::vector<std::string>;

/// The operator during which the most bytes are alive.
auto peak_operator(proto::ModelView const& model) -> uint32_t;

auto cost_of(proto::ModelView const& model) -> ModelCost;

}  // namespace godwit::compiler
