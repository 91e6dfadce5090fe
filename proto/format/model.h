// The compiled int8 model: what the compiler writes, the release keys sign and the engine runs.
// Byte layout and every rule of validity: docs/format-model.md. A model is untrusted input:
// `parse_model` proves all that running relies on, so that kernels need no checks.
#pragma once

#include <array>
#include <bit>
#include <optional>
#include <string_view>

#include "proto/base/bytes.h"

namespace godwit::proto {

/// Rises when a model needs an engine that older ones are not; an engine refuses a higher one. A
/// model is written with the lowest version that it needs (format_version in model_write.h).
constexpr uint16_t kModelFormatVersion = 5;

constexpr size_t kTensorRankMax = 6;
constexpr uint32_t kTensorsMax = 1u << 16;
constexpr uint32_t kOperatorsMax = 1u << 14;
constexpr uint32_t kTensorBytesMax = 1u << 28;
constexpr uint32_t kArenaBytesMax = 1u << 28;
constexpr uint32_t kStateBytesMax = 1u << 26;
constexpr uint32_t kOperandsMax = 64;  // inputs of an operator; as many outputs
constexpr uint32_t kGoldenRowsMax = 4096;
constexpr size_t kTensorAlignment = 16;  // of offsets in the arena, the constants and the state

/// `int64` is for constants alone: biases of sums of 64 bits, the bits of float64.
enum class TensorType : uint8_t {
  int8 = 1,
  uint8 = 2,
  int16 = 3,
  int32 = 4,
  float32 = 5,
  int64 = 6,
};
auto to_string(TensorType type) -> std::string_view;
auto element_bytes(TensorType type) -> uint32_t;

/// `state` keeps its values from one run to the next; it begins as the tensor's zero point.
enum class Place : uint8_t { arena = 0, constant = 1, state = 2 };
auto to_string(Place place) -> std::string_view;

enum class Opcode : uint16_t {
  conv_2d = 1,
  depthwise_conv_2d = 2,
  fully_connected = 3,
  add = 4,
  average_pool_2d = 5,
  max_pool_2d = 6,
  pad = 7,
  mean = 8,
  reshape = 9,
  softmax = 10,
  lookup = 11,
  requantize = 12,
  svdf = 13,
  unidirectional_sequence_lstm = 14,
  rearrange = 15,
  concatenation = 16,
  sub = 17,
  mul = 18,
  maximum = 19,
  minimum = 20,
  squared_difference = 21,
  prelu = 22,
  reduce_max = 23,
  reduce_min = 24,
  arg_max = 25,
  arg_min = 26,
  resize_bilinear = 27,
  transpose_conv = 28,
  l2_normalization = 29,
  batch_matmul = 30,
  quantize = 31,
  dequantize = 32,
  read_variable = 33,
  assign_variable = 34,
  sigmoid = 35,
  tanh = 36,
  average_pool_2d_up = 37,
  wide_softmax = 38,
  wide_slopes = 39,
  detection_postprocess = 40,
  gather = 41,
  cast = 42,
  resize_bilinear_real = 43,
  pair_lookup = 44,
  fully_connected_4 = 45,
  log_softmax = 46,
  lstm_4 = 47,
};
/// The TensorFlow Lite name, "CONV_2D".
auto to_string(Opcode code) -> std::string_view;

struct Tensor {
  std::string_view name;
  TensorType type{};
  Place place{};
  uint32_t rank = 0;
  std::array<uint32_t, kTensorRankMax> shape{};  // row-major; ones past the rank
  uint32_t elements = 0;
  uint32_t size_bytes = 0;
  uint32_t offset = 0;  // in the arena, the constants or the state
  int32_t zero_point = 0;
  uint32_t scale_count = 0;  // 1, or one for each index of `scale_axis`; 0 where none applies
  uint32_t scale_axis = 0;
  ByteView scale_bits;  // float32, little-endian

  auto scale(uint32_t i = 0) const -> float;
};

/// How accumulators are brought to the output's scale (docs/engine.md, "Arithmetic").
enum class Rounding : uint8_t { twice = 0, once = 1 };

/// An operator: which tensors it reads and writes, and parameters by its code (operators.h).
class Operator {
 public:
  Operator() = default;
  Operator(Opcode code, Rounding rounding, uint32_t inputs, uint32_t outputs, uint32_t params,
           ByteView words)
      : code_(code),
        rounding_(rounding),
        inputs_(inputs),
        outputs_(outputs),
        params_(params),
        words_(words) {}

  auto code() const -> Opcode { return code_; }
  auto rounding() const -> Rounding { return rounding_; }  // the model's
  auto input_count() const -> uint32_t { return inputs_; }
  auto output_count() const -> uint32_t { return outputs_; }
  auto param_count() const -> uint32_t { return params_; }
  auto input(uint32_t i) const -> uint32_t { return word(i); }
  auto output(uint32_t i) const -> uint32_t { return word(inputs_ + i); }
  auto param(uint32_t i) const -> int32_t {
    return static_cast<int32_t>(word(inputs_ + outputs_ + i));
  }
  /// All parameters as the struct of this code, which consists of int32_t only.
  template <typename T>
  auto params() const -> T {
    std::array<int32_t, sizeof(T) / 4> words;
    read_params(words);
    return std::bit_cast<T>(words);
  }

 private:
  auto word(uint32_t i) const -> uint32_t;
  void read_params(std::span<int32_t> words) const;

  Opcode code_{};
  Rounding rounding_{};
  uint32_t inputs_ = 0;
  uint32_t outputs_ = 0;
  uint32_t params_ = 0;
  ByteView words_;
};

/// What proves on a device that the model computes there what it computed when it was compiled.
struct Golden {
  uint64_t seed = 0;
  uint32_t rows = 0;
  Sha256 outputs;  // of all output rows, one after another
};

/// A validated model. Borrows the bytes; holds no heap memory. Tensors are numbered in the order
/// they come to be: inputs of the graph, then operators' outputs in the order of running, then
/// constants and states.
class ModelView {
 public:
  auto format_version() const -> uint16_t { return format_version_; }
  auto tensor_count() const -> uint32_t { return tensor_count_; }
  auto tensor(uint32_t i) const -> Tensor;
  auto operator_count() const -> uint32_t { return operator_count_; }
  auto op(uint32_t i) const -> Operator;
  auto input_count() const -> uint32_t { return input_count_; }  // tensors 0, 1, ...
  auto output_count() const -> uint32_t { return output_count_; }
  auto output(uint32_t i) const -> uint32_t;  // a tensor
  auto arena_bytes() const -> uint32_t { return arena_bytes_; }
  auto state_bytes() const -> uint32_t { return state_bytes_; }
  auto rounding() const -> Rounding { return rounding_; }
  auto constants() const -> ByteView { return constants_; }
  auto constant(Tensor const& tensor) const -> ByteView {
    return constants_.subspan(tensor.offset, tensor.size_bytes);
  }
  auto golden() const -> std::optional<Golden>;
  /// SHA-256 of the file that the model was compiled from; none if the model does not say.
  auto source() const -> std::optional<Sha256>;

 private:
  friend class ModelParser;
  ByteView tensors_, operators_, words_, names_, scales_, outputs_, constants_, golden_, metadata_;
  uint16_t format_version_ = 0;
  uint32_t tensor_count_ = 0;
  uint32_t operator_count_ = 0;
  uint32_t input_count_ = 0;
  uint32_t output_count_ = 0;
  uint32_t arena_bytes_ = 0;
  uint32_t state_bytes_ = 0;
  Rounding rounding_ = Rounding::twice;
};

/// What is wrong with a model. All texts are constants: telling it needs no heap.
struct ModelFault {
  enum class Kind : uint8_t {
    none,
    corrupt,  // malformed
    newer,    // well-formed, and needs a newer engine
  };
  Kind kind = Kind::none;
  std::string_view
      part{};  // "section", "tensor" or "operator": the one of number `index`; or empty
  uint32_t index = 0;
  std::string_view subject{};  // the operator's name; or empty
  char const* reason = "";

  auto good() const -> bool { return kind == Kind::none; }
};

/// Checks everything: sections, every index and size, where tensors lie, that each value is made
/// before it is read, and each operator's own rules. `model` holds nothing to rely on if a fault is
/// returned.
auto parse_model(ByteView bytes, ModelView& model) -> ModelFault;

/// The same; `corrupt` with the place and the reason, `invalid` for what needs a newer engine.
auto parse_model(ByteView bytes) -> Result<ModelView>;

}  // namespace godwit::proto
