// Runs models that a fuzzer found valid, where that takes no more than a moment.
#pragma once

#include <algorithm>

#include "agent/engine/engine.h"
#include "proto/format/operators.h"

namespace godwit::fuzz {

// A valid model may be large; one input of a fuzzer must stay quick.
constexpr uint64_t kArenaBytesMax = 1u << 20;
constexpr uint64_t kStepsMax = 1u << 20;

/// How many multiplications or comparisons an operator takes, at most.
inline auto steps_of(proto::ModelView const& model, proto::Operator const& op) -> uint64_t {
  using proto::Opcode;
  uint64_t const outputs = op.output_count() > 0 ? model.tensor(op.output(0)).elements : 0;
  uint64_t const inputs = model.tensor(op.input(0)).elements;
  switch (op.code()) {
    case Opcode::conv_2d:
    case Opcode::depthwise_conv_2d:
    case Opcode::fully_connected:
    case Opcode::fully_connected_4:
    case Opcode::transpose_conv:
    case Opcode::batch_matmul:
      return outputs * std::min<uint64_t>(model.tensor(op.input(1)).elements, kStepsMax);
    case Opcode::detection_postprocess:  // every box beside every other, for each class
      return inputs * std::min<uint64_t>(model.tensor(op.input(1)).elements, kStepsMax);
    case Opcode::average_pool_2d:
    case Opcode::average_pool_2d_up:
    case Opcode::max_pool_2d:
      return outputs * std::min<uint64_t>(inputs, kStepsMax);
    default:
      return outputs + inputs;
  }
}

inline auto is_small(proto::ModelView const& model) -> bool {
  uint64_t steps = 0;
  for (uint32_t i = 0; i < model.operator_count(); ++i) {
    steps += steps_of(model, model.op(i));
    if (steps > kStepsMax) return false;
  }
  return model.arena_bytes() <= kArenaBytesMax;
}

/// Two equal rows, the second without what the first left behind: the outputs of one.
inline auto run_twice(engine::Engine& engine, size_t seed) -> Bytes {
  Bytes input(engine.input_bytes());
  for (size_t i = 0; i < input.size(); ++i) input[i] = static_cast<uint8_t>(37 * i + seed);
  Bytes first(engine.output_bytes());
  Bytes second(first.size());
  engine.run(input, first);
  engine.reset_state();
  engine.run(input, second);
  CHECK(first == second);
  return first;
}

}  // namespace godwit::fuzz
