// The product at the heart of convolutions and fully connected layers: rows of activations times
// the weights of every output channel. Callers gather a few rows, then multiply them together.
#pragma once

#include "agent/engine/kernel.h"

namespace godwit::engine {

constexpr int32_t kMatrixRows = 4;  // gathered at a time; their weights are read once

constexpr auto matrix_scratch_bytes(int32_t depth) -> uint64_t {
  return uint64_t{kMatrixRows} * sizeof(int16_t) * static_cast<uint32_t>(depth);
}

/// Activations as int16 with the zero point taken off.
void widen(int8_t const* from, int32_t zero_point, int32_t count, int16_t* to);

/// `row_count` <= kMatrixRows rows of `depth` values; writes row_count * step.channels().size()
/// outputs from `output` on.
void multiply_rows(Step const& step, proto::Clamp clamp, int16_t const* rows, int32_t row_count,
                   int32_t depth, int8_t* output);

}  // namespace godwit::engine
