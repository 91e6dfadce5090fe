// The tensors of a file of weights: where they lie, of what type and shape. Read from files that we
// do not trust: bounded, every place checked, and on any doubt there are no tensors, for a delta of
// plain bytes is always right.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proto/base/bytes.h"
#include "server/delta/tensor_map.h"

namespace godwit::delta {

/// By the names that layouts use ("int8", "float16"), safetensors' ("I8", "F16") or ours; none for
/// types that hold no weights.
auto parse_element_type(std::string_view name) -> std::optional<ElementType>;

constexpr size_t kTableTensorsMax = 1u << 16;
constexpr size_t kTableRankMax = 8;
constexpr size_t kTableNameBytesMax = 512;

/// float32 scales of a quantised tensor, little-endian, somewhere in the same file.
struct TensorScales {
  uint64_t offset = 0;
  uint32_t count = 0;  // 1, or one for each index of `axis`
  uint32_t axis = 0;
};

struct FileTensor {
  std::string name;
  ElementType type = ElementType::int8;
  std::vector<uint32_t> shape;  // row-major; empty: one element
  uint64_t offset = 0;          // in the file
  uint64_t bytes = 0;
  std::optional<TensorScales> scales;

  auto elements() const -> uint64_t;
  /// What a coder of weights works along: for [1, ...] (depthwise filters) the last extent, else
  /// all but the first.
  auto columns() const -> uint64_t;
  auto rows() const -> uint64_t { return columns() ? elements() / columns() : 0; }
  /// As the encoder takes it: a matrix, with its scales if they go by row.
  auto span() const -> TensorSpan;
};

struct TensorTable {
  std::string_view kind;            // "safetensors", "tflite", ...; empty: no tensors
  std::vector<FileTensor> tensors;  // by offset, none over another
};

/// Collects tensors while a file is read.
class TableBuilder {
 public:
  explicit TableBuilder(ByteView file) : file_(file) {}

  /// `corrupt` when the tensor does not lie inside the file, its size does not fit its shape, or
  /// there are too many.
  auto add(FileTensor tensor) -> Result<>;
  /// Where a view into the file lies.
  auto offset_of(ByteView view) const -> uint64_t;
  /// Sorted by offset. Of tensors that overlap (shared buffers) the first stays.
  auto finish(std::string_view kind) && -> TensorTable;

 private:
  ByteView file_;
  std::vector<FileTensor> tensors_;
};

/// The table of a .safetensors, .tflite, .onnx or compiled model, or of .tflite models that lie in
/// another file; recognised by its content. Empty for anything else and for anything damaged.
auto read_tensor_table(ByteView file) -> TensorTable;

}  // namespace godwit::delta
