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

/// Values that are summed together by sum_rows.
constexpr int32_t kSummedTogether = 16;
constexpr auto filled_up(int32_t depth) -> int32_t {
  return (depth + kSummedTogether - 1) / kSummedTogether * kSummedTogether;
}

/// The sum of the products of `values` with each of `rows` rows of weights, wrapped. Values are
/// filled up with zeros, filled_up(depth) in all: weights may then be read on into the next row.
void sum_rows(int16_t const* values, int8_t const* weights, int32_t depth, int32_t rows,
              uint32_t* sums);

/// The sum of `count` products, wrapped.
auto dot(int16_t const* a, int16_t const* b, int32_t count) -> uint32_t;

/// The sum of `count` products of int16, exact.
auto wide_dot(int16_t const* values, int8_t const* weights, int32_t count) -> int64_t;

/// `row_count` <= kMatrixRows rows of `depth` values; writes row_count * step.channels().size()
/// outputs from `output` on.
void multiply_rows(Step const& step, proto::Clamp clamp, int16_t const* rows, int32_t row_count,
                   int32_t depth, int8_t* output);

}  // namespace godwit::engine
