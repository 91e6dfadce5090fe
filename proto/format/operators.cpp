// The table of operators: names, arities and rules.
#include "proto/format/operators.h"

#include "proto/format/operator_rules.h"

namespace godwit::proto {

namespace {

using namespace rules;

template <typename T>
constexpr auto word_count() -> uint32_t {
  return sizeof(T) / 4;
}

struct Rule {
  Opcode code;
  std::string_view name;
  Arity arity;
  Fault (*check)(ModelView const&, Operator const&);
  uint16_t since = 2;  // the first format version with it
};

// A new operator is one row here, one in the engine's kernel table and one in the compiler's.
constexpr Rule kRules[] = {
    {Opcode::conv_2d, "CONV_2D", {5, 1, word_count<ConvParams>()}, check_conv, 1},
    {Opcode::depthwise_conv_2d,
     "DEPTHWISE_CONV_2D",
     {5, 1, word_count<ConvParams>()},
     check_conv,
     1},
    {Opcode::fully_connected,
     "FULLY_CONNECTED",
     {5, 1, word_count<FullyConnectedParams>()},
     check_fully_connected,
     1},
    {Opcode::add, "ADD", {2, 1, word_count<AddParams>()}, check_add, 1},
    {Opcode::average_pool_2d, "AVERAGE_POOL_2D", {1, 1, word_count<PoolParams>()}, check_pool, 1},
    {Opcode::max_pool_2d, "MAX_POOL_2D", {1, 1, word_count<PoolParams>()}, check_pool, 1},
    {Opcode::pad, "PAD", {1, 1, word_count<PadParams>()}, check_pad, 1},
    {Opcode::mean, "MEAN", {1, 1, word_count<MeanParams>()}, check_mean, 1},
    {Opcode::reshape, "RESHAPE", {1, 1, 0}, check_reshape, 1},
    {Opcode::softmax, "SOFTMAX", {1, 1, word_count<SoftmaxParams>()}, check_softmax, 1},
    {Opcode::lookup, "LOOKUP", {2, 1, 0}, check_lookup},
    {Opcode::requantize, "REQUANTIZE", {1, 1, word_count<RequantizeParams>()}, check_requantize},
    {Opcode::svdf, "SVDF", {5, 1, word_count<SvdfParams>(), 1}, check_svdf},
    {Opcode::unidirectional_sequence_lstm,
     "UNIDIRECTIONAL_SEQUENCE_LSTM",
     {6, 1, word_count<LstmParams>(), 2},
     check_lstm},
    {Opcode::rearrange, "REARRANGE", {2, 1, word_count<RearrangeParams>()}, check_rearrange},
    {Opcode::concatenation,
     "CONCATENATION",
     {{1, kOperandsMax}, 1, word_count<ConcatenationParams>()},
     check_concatenation},
    {Opcode::sub, "SUB", {2, 1, word_count<AddParams>()}, check_add},
    {Opcode::mul, "MUL", {2, 1, word_count<MulParams>()}, check_mul},
    {Opcode::maximum, "MAXIMUM", {2, 1, 0}, check_pair},
    {Opcode::minimum, "MINIMUM", {2, 1, 0}, check_pair},
    {Opcode::squared_difference, "SQUARED_DIFFERENCE", {2, 1, word_count<AddParams>()}, check_add},
    {Opcode::prelu, "PRELU", {2, 1, word_count<PreluParams>()}, check_prelu},
    {Opcode::reduce_max, "REDUCE_MAX", {1, 1, word_count<ReduceParams>()}, check_reduce},
    {Opcode::reduce_min, "REDUCE_MIN", {1, 1, word_count<ReduceParams>()}, check_reduce},
    {Opcode::arg_max, "ARG_MAX", {1, 1, word_count<ArgParams>()}, check_arg},
    {Opcode::arg_min, "ARG_MIN", {1, 1, word_count<ArgParams>()}, check_arg},
    {Opcode::resize_bilinear,
     "RESIZE_BILINEAR",
     {1, 1, word_count<ResizeParams>()},
     check_resize_bilinear},
    {Opcode::transpose_conv,
     "TRANSPOSE_CONV",
     {5, 1, word_count<TransposeConvParams>()},
     check_transpose_conv},
    {Opcode::l2_normalization, "L2_NORMALIZATION", {1, 1, 0}, check_l2_normalization},
    {Opcode::batch_matmul,
     "BATCH_MATMUL",
     {2, 1, word_count<BatchMatmulParams>()},
     check_batch_matmul},
    {Opcode::quantize, "QUANTIZE", {1, 1, word_count<ScaleParams>()}, check_quantize},
    {Opcode::dequantize, "DEQUANTIZE", {1, 1, word_count<ScaleParams>()}, check_dequantize},
    {Opcode::read_variable, "READ_VARIABLE", {1, 1, 0, 1}, check_read_variable},
    {Opcode::assign_variable, "ASSIGN_VARIABLE", {2, 0, 0, 1}, check_assign_variable},
    {Opcode::sigmoid, "SIGMOID", {1, 1, word_count<SigmoidParams>()}, check_sigmoid},
    {Opcode::tanh, "TANH", {1, 1, word_count<SigmoidParams>()}, check_sigmoid},
    {Opcode::average_pool_2d_up,
     "AVERAGE_POOL_2D_UP",
     {1, 1, word_count<PoolParams>()},
     check_pool,
     3},
    {Opcode::wide_softmax,
     "WIDE_SOFTMAX",
     {3, 1, word_count<RequantizeParams>()},
     check_wide_softmax,
     3},
    {Opcode::wide_slopes, "WIDE_SLOPES", {1, 1, word_count<SlopesParams>()}, check_wide_slopes, 3},
    {Opcode::detection_postprocess,
     "DETECTION_POSTPROCESS",
     {5, 4, word_count<DetectionParams>()},
     check_detection,
     3},
    {Opcode::gather, "GATHER", {2, 1, word_count<GatherParams>()}, check_gather, 3},
    {Opcode::cast, "CAST", {1, 1, 0}, check_cast, 3},
    {Opcode::resize_bilinear_real,
     "RESIZE_BILINEAR_REAL",
     {3, 1, 0},
     check_resize_bilinear_real,
     3},
    {Opcode::pair_lookup, "PAIR_LOOKUP", {3, 1, 0}, check_pair_lookup, 4},
    {Opcode::fully_connected_4,
     "FULLY_CONNECTED_4",
     {5, 1, word_count<FullyConnectedParams>()},
     check_fully_connected,
     4},
    {Opcode::log_softmax, "LOG_SOFTMAX", {1, 1, word_count<SoftmaxParams>()}, check_softmax, 5},
    {Opcode::lstm_4, "LSTM_4", {6, 1, word_count<LstmParams>(), 2}, check_lstm, 5},
};

auto find_rule(Opcode code) -> Rule const* {
  for (auto const& rule : kRules)
    if (rule.code == code) return &rule;
  return nullptr;
}

}  // namespace

auto to_string(Opcode code) -> std::string_view {
  auto const* const rule = find_rule(code);
  return rule ? rule->name : "unknown";
}

auto arity(Opcode code) -> Arity const* {
  auto const* const rule = find_rule(code);
  return rule ? &rule->arity : nullptr;
}

auto since_version(Opcode code) -> uint16_t {
  auto const* const rule = find_rule(code);
  return rule ? rule->since : kModelFormatVersion;
}

auto check_operator(ModelView const& model, Operator const& op) -> char const* {
  auto const* const rule = find_rule(op.code());
  return rule ? rule->check(model, op) : "unknown operator";
}

}  // namespace godwit::proto
