#include "compiler/inspect.h"

#include "compiler/arena.h"

namespace godwit::compiler {

namespace {

auto macs(proto::ModelView const& model, proto::Operator const& op) -> uint64_t {
  uint64_t const outputs = model.tensor(op.output(0)).elements;
  switch (op.code()) {
    case proto::Opcode::conv_2d:
    case proto::Opcode::fully_connected: {
      auto const weights = model.tensor(op.input(1));
      return outputs * (weights.elements / weights.shape[0]);
    }
    case proto::Opcode::depthwise_conv_2d: {
      auto const weights = model.tensor(op.input(1));
      return outputs * (weights.elements / weights.shape[3]);
    }
    default:
      return 0;
  }
}

auto lifetimes(proto::ModelView const& model) -> std::vector<Lifetime> {
  std::vector<Lifetime> values;
  for (uint32_t i = 0; i < model.tensor_count(); ++i) {
    auto const tensor = model.tensor(i);
    if (tensor.place == proto::Place::arena) values.push_back({tensor.size_bytes, 0, 0});
  }
  for (uint32_t i = 0; i < model.operator_count(); ++i) {
    auto const op = model.op(i);
    for (uint32_t k = 0; k < op.output_count(); ++k)
      values[op.output(k)].first = values[op.output(k)].last = i;
    for (uint32_t k = 0; k < op.input_count(); ++k)
      if (op.input(k) < values.size()) values[op.input(k)].last = i;
  }
  for (uint32_t i = 0; i < model.output_count(); ++i)
    values[model.output(i)].last = model.operator_count();
  return values;
}

}  // namespace

auto cost_of(proto::ModelView const& model) -> ModelCost {
  ModelCost cost;
  for (uint32_t i = 0; i < model.operator_count(); ++i) {
    auto const op = model.op(i);
    auto const output = model.tensor(op.output(0));
    OperatorCost one{.name = std::string(to_string(op.code())),
                     .output = std::string(output.name),
                     .shape = {output.shape.begin(), output.shape.begin() + output.rank},
                     .macs = macs(model, op)};
    for (uint32_t k = 0; k < op.input_count(); ++k) {
      auto const input = model.tensor(op.input(k));
      if (input.place == proto::Place::constant) one.constant_bytes += input.size_bytes;
    }
    cost.macs += one.macs;
    cost.operators.push_back(std::move(one));
  }
  cost.constant_bytes = model.constants().size();
  cost.live_bytes_max = live_bytes_max(lifetimes(model));
  return cost;
}

}  // namespace godwit::compiler
