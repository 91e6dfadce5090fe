// The portable kernels: the next operator is one row here and one file beside.
#include "agent/engine/operators/matrix.h"
#include "agent/engine/operators/nibbles.h"
#include "agent/engine/operators/operators.h"

namespace godwit::engine {

namespace {

auto conv_scratch(Step const& step) -> uint64_t {
  auto const& weights = step.inputs[1].shape;
  return matrix_scratch_bytes(weights.elements / weights[0]);
}

auto fully_connected_scratch(Step const& step) -> uint64_t {
  return matrix_scratch_bytes(step.inputs[1].shape[1]);
}

auto sum_per_channel(Step const& step) -> uint64_t {
  return sizeof(int32_t) * static_cast<uint64_t>(step.output().shape[3]);
}

auto sum_per_output(Step const& step) -> uint64_t {
  return sizeof(int32_t) * static_cast<uint64_t>(step.output().shape.elements);
}

using proto::Opcode;
constexpr Kernel kKernels[] = {
    {Opcode::conv_2d, conv_2d, conv_scratch, nullptr, nullptr, nullptr, 0, conv_2d_part},
    {Opcode::depthwise_conv_2d, depthwise_conv_2d, sum_per_channel, nullptr, nullptr, nullptr, 0,
     depthwise_conv_2d_part},
    {Opcode::fully_connected, fully_connected, fully_connected_scratch},
    {Opcode::add, add},
    {Opcode::average_pool_2d, average_pool_2d, sum_per_channel},
    {Opcode::max_pool_2d, max_pool_2d},
    {Opcode::pad, pad},
    {Opcode::mean, mean, sum_per_output},
    {Opcode::reshape, reshape},
    {Opcode::softmax, softmax, nullptr, softmax_packed_bytes, softmax_pack},
    {Opcode::lookup, lookup},
    {Opcode::requantize, requantize},
    {Opcode::svdf, svdf, svdf_scratch},
    {Opcode::unidirectional_sequence_lstm, unidirectional_sequence_lstm, lstm_scratch},
    {Opcode::rearrange, rearrange, rearrange_scratch},
    {Opcode::concatenation, concatenation},
    {Opcode::sub, sub},
    {Opcode::mul, mul},
    {Opcode::maximum, maximum},
    {Opcode::minimum, minimum},
    {Opcode::squared_difference, squared_difference},
    {Opcode::prelu, prelu},
    {Opcode::reduce_max, reduce_max},
    {Opcode::reduce_min, reduce_min},
    {Opcode::arg_max, arg_max},
    {Opcode::arg_min, arg_min},
    {Opcode::resize_bilinear, resize_bilinear},
    {Opcode::transpose_conv, transpose_conv, transpose_conv_scratch},
    {Opcode::l2_normalization, l2_normalization},
    {Opcode::batch_matmul, batch_matmul},
    {Opcode::quantize, quantize},
    {Opcode::dequantize, dequantize},
    {Opcode::read_variable, read_variable},
    {Opcode::assign_variable, assign_variable},
    {Opcode::sigmoid, sigmoid},
    {Opcode::tanh, tanh},
    {Opcode::average_pool_2d_up, average_pool_2d_up, sum_per_channel},
    {Opcode::wide_softmax, wide_softmax},
    {Opcode::wide_slopes, wide_slopes},
    {Opcode::detection_postprocess, detection_postprocess, detection_scratch},
    {Opcode::gather, gather},
    {Opcode::cast, cast},
    {Opcode::resize_bilinear_real, resize_bilinear_real},
    {Opcode::pair_lookup, pair_lookup},
    {Opcode::log_softmax, log_softmax},
    {Opcode::lstm_4, lstm_4, lstm_4_scratch, lstm_4_packed_bytes, lstm_4_pack},
    {Opcode::fully_connected_4, fully_connected_4, fully_connected_4_scratch,
     fully_connected_4_packed_bytes, fully_connected_4_pack},
};

}  // namespace

Path const kPortable = {"portable", [] { return true; }, kKernels};

}  // namespace godwit::engine
