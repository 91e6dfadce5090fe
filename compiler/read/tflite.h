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
  uint32_t elements = 0;     // 0: a shape that cannot be compiled
  std::vector<bool> open{};  // axes whose extent the file leaves open; empty where it leaves none
  std::vector<float> scales;
  std::vector<int64_t> zero_points;
  uint32_t scale_axis = 0;  // of the scales, where there are several; the file's word
  ByteView data;            // empty unless constant
  bool variable = false;
  bool moved = false;  // was uint8: values and zero point were moved by 128 (uint8.h)
};

/// Codes of the operators that the compiler knows; others keep their number and name.
enum class TfliteCode : int32_t {
  add = 0,
  average_pool_2d = 1,
  concatenation = 2,
  conv_2d = 3,
  depthwise_conv_2d = 4,
  depth_to_space = 5,
  dequantize = 6,
  floor = 8,
  fully_connected = 9,
  l2_normalization = 11,
  logistic = 14,
  max_pool_2d = 17,
  mul = 18,
  relu = 19,
  relu_n1_to_1 = 20,
  relu6 = 21,
  reshape = 22,
  resize_bilinear = 23,
  softmax = 25,
  space_to_depth = 26,
  svdf = 27,
  tanh = 28,
  custom = 32,
  pad = 34,
  gather = 36,
  batch_to_space_nd = 37,
  space_to_batch_nd = 38,
  transpose = 39,
  mean = 40,
  sub = 41,
  div = 42,
  squeeze = 43,
  unidirectional_sequence_lstm = 44,
  strided_slice = 45,
  exp = 47,
  split = 49,
  log_softmax = 50,
  cast = 53,
  prelu = 54,
  maximum = 55,
  arg_max = 56,
  minimum = 57,
  less = 58,
  neg = 59,
  padv2 = 60,
  greater = 61,
  greater_equal = 62,
  less_equal = 63,
  select = 64,
  slice = 65,
  sin = 66,
  transpose_conv = 67,
  tile = 69,
  expand_dims = 70,
  equal = 71,
  not_equal = 72,
  log = 73,
  sum = 74,
  sqrt = 75,
  rsqrt = 76,
  shape = 77,
  pow = 78,
  arg_min = 79,
  reduce_prod = 81,
  reduce_max = 82,
  pack = 83,
  logical_or = 84,
  logical_and = 86,
  logical_not = 87,
  unpack = 88,
  reduce_min = 89,
  floor_div = 90,
  square = 92,
  fill = 94,
  floor_mod = 95,
  resize_nearest_neighbor = 97,
  leaky_relu = 98,
  squared_difference = 99,
  mirror_pad = 100,
  abs = 101,
  split_v = 102,
  ceil = 104,
  reverse_v2 = 105,
  gather_nd = 107,
  cos = 108,
  elu = 111,
  quantize = 114,
  round = 116,
  hard_swish = 117,
  select_v2 = 123,
  batch_matmul = 126,
  call_once = 129,
  broadcast_to = 130,
  var_handle = 142,
  read_variable = 143,
  assign_variable = 144,
  gelu = 150,
  relu_0_to_1 = 152,
  sign = 158,
};
auto tflite_code_name(int32_t code) -> std::string;

struct TfliteOperator {
  TfliteCode code{};
  std::string name;             // "CONV_2D", or "CUSTOM \"name\""
  std::vector<int32_t> inputs;  // tensors; -1: left out
  std::vector<int32_t> outputs;
  std::optional<Table> options;
  ByteView custom_options{};  // of a custom operator, FlexBuffers mostly
};

struct TfliteModel {
  std::vector<TfliteModel> others{};  // the other graphs of the file
  std::vector<TfliteTensor> tensors;
  std::vector<TfliteOperator> operators;
  std::vector<int32_t> inputs;
  std::vector<int32_t> outputs;
  std::vector<Bytes> made{};  // what constants lie in that the file does not hold
};

/// Printable ASCII: other characters become '?'.
auto clean_name(std::string_view name) -> std::string;

/// The main graph of the file and those beside it. Every tensor number is in range, and constants
/// of a usable shape have as many bytes as it says. Borrows `file`.
auto read_tflite(ByteView file) -> Result<TfliteModel>;

}  // namespace godwit::compiler
