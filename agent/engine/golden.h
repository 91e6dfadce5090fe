// Golden inputs: made from a seed alone, so that a model need not carry them. The recipe is part of
// the format (docs/format-model.md, "Golden section"): changing it would fail every old model.
#pragma once

#include "agent/engine/engine.h"

namespace godwit::engine {

/// Row `row` of the inputs of this seed.
void fill_golden_input(uint64_t seed, uint32_t row, std::span<uint8_t> input);

/// SHA-256 of all outputs of `rows` golden inputs, one after another; state is reset before each.
auto golden_hash(Engine& engine, uint64_t seed, uint32_t rows) -> Sha256;

}  // namespace godwit::engine
