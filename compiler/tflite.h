// The graph of a .tflite file, as plain values. Field numbers are those of TensorFlow Lite's
// published schema (schema.fbs, version 3); the file itself is read by
// proto/format/flatbuffer.
#pragma once

#include "proto/format/flatbuffer.h"

namespace godwit::compiler {

using Table = proto::flatbuffer::Table;

enum class TfliteType : int8_t {
  float32 = 0,
  float16 = 1,
  int32 = 2,
  uint8 = 3,
  int64 = 4,
  string = 5,
  boolean = 6,
  int16 = 7,
  int8 = 9,
  float64 = 10,
  uint64 = 12,
  uint32 = 15,
  uint16 = 16,
  int4 = 17,
};
auto to_string(TfliteType type) -> std::string;

struct TfliteTensor {
  std::string name;  // printable ASCII; other characters became '?'
  TfliteType type{};
  std::vector<uint32_t> shape;
  uint32_t elements = 0;  // 0: a shape that cannot be compiled
  std::vector<float> scales;
  std::vector<int64_t> zero_points;
  ByteView data;  // empty unless constant
  bool variable = false;
};

/// Codes of the operators that the compiler knows; others keep their number and name.
enum class TfliteCode : int32_t {
  add = 0,
  average_pool_2d = 1,
  conv_2d = 3,
  depthwise_conv_2d = 4,
  fully_connected = 9,
  logistic = 14,
  max_pool_2d = 17,
  reshape = 22,
  softmax = 25,
  svdf = 27,
  tanh = 28,
  custom = 32,
  pad = 34,
  mean = 40,
  unidirectional_sequence_lstm = 44,
  quantize = 114,
};
auto tflite_code_name(int32_t code) -> std::string;

struct TfliteOperator {
  TfliteCode code{};
  std::string name;             // "CONV_2D", or "CUSTOM \"name\""
  std::vector<int32_t> inputs;  // tensors; -1: left out
  std::vector<int32_t> outputs;
  std::optional<Table> options;
};

struct TfliteModel {
  std::vector<TfliteTensor> tensors;
  std::vector<TfliteOperator> operators;
  std::vector<int32_t> inputs;
  std::vector<int32_t> outputs;
};

/// The one subgraph of the file. Every tensor number is in range, and constants of a usable shape
/// have as many bytes as it says. Borrows `file`.
auto read_tflite(ByteView file) -> Result<TfliteModel>;

}  // namespace godwit::compiler
