// The parameters of each operator of a compiled model, and the rules that make running it safe.
// The order of inputs and the meaning of every field: docs/format-model.md, "Operators".
#pragma once

#include "proto/format/model.h"

namespace godwit::proto {

/// A fixed-point factor: value * 2^shift / 2^31, shift in [-31, 30], value >= 0.
struct Multiplier {
  int32_t value;
  int32_t shift;
};

/// Inclusive bounds of the output, in quantised units.
struct Clamp {
  int32_t low;
  int32_t high;
};

struct Window {
  int32_t stride_height;
  int32_t stride_width;
  int32_t pad_top;  // how far the first window starts before the input
  int32_t pad_left;
};

struct ConvParams {  // CONV_2D, DEPTHWISE_CONV_2D
  Window window;
  int32_t dilation_height;
  int32_t dilation_width;
  Clamp clamp;
};

struct FullyConnectedParams {
  Clamp clamp;
};

struct AddParams {  // ADD, SUB, SQUARED_DIFFERENCE
  int32_t left_shift;
  Multiplier first;
  Multiplier second;
  Multiplier output;
  Clamp clamp;
};

struct PoolParams {  // AVERAGE_POOL_2D, AVERAGE_POOL_2D_UP, MAX_POOL_2D
  Window window;
  int32_t filter_height;
  int32_t filter_width;
  Clamp clamp;
};

struct PadParams {
  std::array<int32_t, kTensorRankMax> before;  // zero past the rank
  int32_t value;
};

struct MeanParams {
  int32_t axes;           // bit i: dimension i is averaged away
  Multiplier multiplier;  // with 1/count in it
};

struct SoftmaxParams {  // and LOG_SOFTMAX
  Multiplier multiplier;
  int32_t diff_min;
};

/// LOOKUP has no parameters: its table is a constant.

struct RequantizeParams {  // and WIDE_SOFTMAX
  Multiplier multiplier;
};

struct SvdfParams {
  int32_t rank;
  Multiplier feature;
  Multiplier output;
};

/// Gates in TensorFlow Lite's order: input, forget, cell, output.
struct LstmParams {
  int32_t time_major;               // 1: the input is [time, batch, depth]; 0: [batch, time, depth]
  std::array<Multiplier, 4> input;  // of input times weights, to Q3.12
  std::array<Multiplier, 4> recurrent;  // of hidden state times weights, to Q3.12
  Multiplier forget;                    // forget gate times cell state
  Multiplier update;                    // input gate times cell gate
  Multiplier output;                    // output gate times tanh of the cell state
  int32_t tanh_multiplier;              // brings the cell state to the table's scale: * value ...
  int32_t tanh_shift;                   // ... >> shift, rounded half up
  int32_t cell_clip;                    // bound of the cell state's magnitude; 0: none
  int32_t cell_activation;              // 0: tanh, 1: sigmoid
};

struct RearrangeParams {
  int32_t filler;  // the bits of a value from outside the input
};

struct ConcatenationParams {
  int32_t outer;  // so many times one block of each input
};

struct MulParams {
  Multiplier multiplier;
  Clamp clamp;
};

struct PreluParams {
  Multiplier positive;
  Multiplier negative;  // of value times slope
};

struct ReduceParams {  // REDUCE_MAX, REDUCE_MIN
  int32_t axes;        // bit i: dimension i goes
};

struct ArgParams {  // ARG_MAX, ARG_MIN
  int32_t axis;
};

struct ResizeParams {
  int32_t height_scale;  // steps in the input for one in the output, in 1/1024
  int32_t width_scale;
  int32_t half_pixel_centers;
};

struct TransposeConvParams {
  Window window;
  Clamp clamp;
};

struct BatchMatmulParams {
  int32_t transpose_first;
  int32_t transpose_second;
  Multiplier multiplier;
  Clamp clamp;
};

struct ScaleParams {   // QUANTIZE, DEQUANTIZE
  int32_t scale_bits;  // a float32: of one step of the quantised tensor
};

struct SlopesParams {   // WIDE_SLOPES: RELU, LEAKY_RELU and their like of int16
  Multiplier positive;  // of values above the zero point
  Multiplier negative;
  Clamp clamp;
};

struct SigmoidParams {  // SIGMOID, TANH of int16
  int32_t multiplier;   // brings values to the table's scale: * value ...
  int32_t shift;        // ... >> shift, rounded half up
};

struct DetectionParams {  // DETECTION_POSTPROCESS
  int32_t detections_max;
  int32_t detections_per_class;  // where classes are looked at one by one
  int32_t by_class;              // 1: each class by itself, 0: each box as its best class
  int32_t classes;
  int32_t score_min;     // of a score's byte, counted from the lowest; 256: none is good enough
  int32_t overlap_bits;  // a float32: the share of both boxes that two may have in common
};

struct GatherParams {
  int32_t axis;
  int32_t batch_dimensions;  // so many dimensions the indices share with the input
};

/// nullptr when the operator may run; otherwise what is wrong with it. Indices, types and places
/// of tensors have been checked before.
auto check_operator(ModelView const& model, Operator const& op) -> char const*;

/// From `least` to `most`, which is at most kOperandsMax; one number for both says exactly so many.
struct Count {
  uint32_t least;
  uint32_t most;
  constexpr Count(uint32_t exactly) : least(exactly), most(exactly) {}
  constexpr Count(uint32_t from, uint32_t to) : least(from), most(to) {}
  auto holds(uint32_t count) const -> bool { return count >= least && count <= most; }
};

/// How many inputs and outputs an operator has and of how many words its parameters are; nullptr
/// for a code that this version does not know.
struct Arity {
  Count inputs;
  Count outputs;
  uint32_t params;
  uint32_t states = 0;  // so many of the inputs, the last ones, are state, and no others
};
auto arity(Opcode code) -> Arity const*;

/// The first format version whose engines know it.
auto since_version(Opcode code) -> uint16_t;

}  // namespace godwit::proto
