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
