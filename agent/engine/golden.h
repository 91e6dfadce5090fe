// Golden inputs: made from a seed alone, so that a model need not carry them. The recipe is part of
// the format (docs/format-model.md, "Golden section"): changing it would fail every old model.
#pragma once

#include "agent/engine/program.h"

namespace godwit::engine {

/// One row of the inputs of a seed, to be filled input after input.
class GoldenInput {
 public:
  GoldenInput(uint64_t seed, uint32_t row);
  void fill(std::span<uint8_t> input);

 private:
  auto byte() -> uint8_t;
  auto value() -> uint8_t;

  uint64_t state_;
  uint32_t kind_;
  uint8_t base_ = 0;
  int level_ = 0;
};

/// Row `row` of a seed, all inputs one after another.
void fill_golden_input(uint64_t seed, uint32_t row, std::span<uint8_t> input);

/// SHA-256 of all outputs of `rows` golden inputs, one after another; state is reset before each.
auto golden_hash(Program const& program, uint64_t seed, uint32_t rows) -> Sha256;

/// Compares with the hash that the model holds.
auto check_golden(Program const& program) -> Status;

}  // namespace godwit::engine
