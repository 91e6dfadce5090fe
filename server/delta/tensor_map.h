// What a file is known to hold: tensors of weights, and which tensor of the old file resembles one
// of the new. Readers of model formats fill this in; the encoder predicts weights by it. A wrong
// map costs bytes, never the result.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/bytes.h"

namespace godwit::delta {

/// How weights are stored, little-endian. int4 are two to a byte, the first in the low half.
enum class ElementType : uint8_t { int8, uint8, int4, int16, int32, fp16, bf16, fp32 };
auto to_string(ElementType type) -> std::string_view;
/// 4 for int4, else 8, 16 or 32.
auto element_bits(ElementType type) -> uint32_t;

/// float32 scales of quantised weights, in the same file: one for each row, or one for all.
struct ScaleSpan {
  uint64_t offset = 0;
  uint32_t count = 1;
};

/// A matrix of weights in a file. A row is what shares a scale and has like statistics: the weights
/// of one output channel. A list of numbers (biases, scales) is one row.
struct TensorSpan {
  std::string name;
  ElementType type = ElementType::int8;
  uint64_t offset = 0;
  uint32_t rows = 1;
  uint32_t cols = 0;
  std::optional<ScaleSpan> scales{};
};
/// 0 for a tensor whose size makes no sense: empty, over the limit, or int4 rows of odd length.
auto size_bytes(TensorSpan const& tensor) -> uint64_t;

/// A tensor of the new file and what to predict it from: a tensor of the old file of the same type,
/// rows and columns. For a tensor that gained rows the reader makes two pairs: the rows that were
/// there, and the new ones without `from`.
struct TensorPair {
  TensorSpan to;
  std::optional<TensorSpan> from{};
};

/// The pairs that can be used, ordered by their place in the new file: those that lie inside their
/// files, whose `from` has the same form (else it is dropped), and that overlap no earlier one.
auto usable_pairs(std::span<TensorPair const> pairs, uint64_t old_bytes, uint64_t new_bytes)
    -> std::vector<TensorPair>;

}  // namespace godwit::delta
