// The portable kernels, by the operators that they run: agent/engine/kernels.cpp lists them.
#pragma once

#include "agent/engine/kernel.h"

namespace godwit::engine {

void conv_2d(Step const& step, void* scratch);
void conv_2d_part(Step const& step, void* scratch, Part part);
void depthwise_conv_2d(Step const& step, void* scratch);
void depthwise_conv_2d_part(Step const& step, void* scratch, Part part);
void fully_connected(Step const& step, void* scratch);
void add(Step const& step, void* scratch);
void average_pool_2d(Step const& step, void* scratch);
void max_pool_2d(Step const& step, void* scratch);
void pad(Step const& step, void* scratch);
void mean(Step const& step, void* scratch);
void reshape(Step const& step, void* scratch);
void softmax(Step const& step, void* scratch);
void log_softmax(Step const& step, void* scratch);
void lookup(Step const& step, void* scratch);
void requantize(Step const& step, void* scratch);
void svdf(Step const& step, void* scratch);
void unidirectional_sequence_lstm(Step const& step, void* scratch);
void rearrange(Step const& step, void* scratch);
void concatenation(Step const& step, void* scratch);
void sub(Step const& step, void* scratch);
void mul(Step const& step, void* scratch);
void maximum(Step const& step, void* scratch);
void minimum(Step const& step, void* scratch);
void squared_difference(Step const& step, void* scratch);
void prelu(Step const& step, void* scratch);
void reduce_max(Step const& step, void* scratch);
void reduce_min(Step const& step, void* scratch);
void arg_max(Step const& step, void* scratch);
void arg_min(Step const& step, void* scratch);
void resize_bilinear(Step const& step, void* scratch);
void transpose_conv(Step const& step, void* scratch);
void l2_normalization(Step const& step, void* scratch);
void batch_matmul(Step const& step, void* scratch);
void quantize(Step const& step, void* scratch);
void dequantize(Step const& step, void* scratch);
void read_variable(Step const& step, void* scratch);
void assign_variable(Step const& step, void* scratch);
void sigmoid(Step const& step, void* scratch);
void tanh(Step const& step, void* scratch);
void average_pool_2d_up(Step const& step, void* scratch);
void wide_softmax(Step const& step, void* scratch);
void wide_slopes(Step const& step, void* scratch);
void resize_bilinear_real(Step const& step, void* scratch);
void detection_postprocess(Step const& step, void* scratch);
void gather(Step const& step, void* scratch);
void cast(Step const& step, void* scratch);
void pair_lookup(Step const& step, void* scratch);
auto transpose_conv_scratch(Step const& step) -> uint64_t;
auto detection_scratch(Step const& step) -> uint64_t;
auto lstm_scratch(Step const& step) -> uint64_t;
auto softmax_packed_bytes(Step const& step) -> uint64_t;
void softmax_pack(Step const& step, uint8_t* packed);
auto svdf_scratch(Step const& step) -> uint64_t;
auto rearrange_scratch(Step const& step) -> uint64_t;

}  // namespace godwit::engine
