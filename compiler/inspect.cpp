#include "compiler/inspect.h"

#include "compiler/memory/arena.h"

namespace godwit::compiler {

namespace {

/// What an operator makes, or the state that it writes.
auto made_by(proto::ModelView const& model, proto::Operator const& op) -> proto::Tensor {
  return model.tensor(op.output_count() > 0 ? op.output(0) : op.input(op.input_count() - 1));
}

auto macs(proto::ModelView const& model, proto::Operator const& op) -> uint64_t {
  uint64_t const outputs = made_by(model, op).elements;
  switch (op.code()) {
    case proto::Opcode::conv_2d:
    case proto::Opcode::fully_connected: {
      auto const weights = model.tensor(op.input(1));
      return outputs * (weights.elements / weights.shape[0]);
    }
    case proto::Opcode::fully_connected_4: {  // two weights in a byte
      auto const weights = model.tensor(op.input(1));
      return outputs * 2 * weights.shape[1];
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

/// Marks the cells of a line that a value touches.
void mark(std::string& line, proto::ModelView const& model, uint32_t value, char as) {
  auto const tensor = model.tensor(value);
  uint64_t const cells = line.size();
  uint64_t const arena = std::max<uint64_t>(model.arena_bytes(), 1);
  uint64_t const last = (uint64_t{tensor.offset} + tensor.size_bytes - 1) * cells / arena;
  for (uint64_t cell = tensor.offset * cells / arena; cell <= last && cell < cells; ++cell)
    line[cell] = as == '#' && line[cell] == '=' ? '%' : as;
}

}  // namespace

auto draw_arena(proto::ModelView const& model, uint32_t columns) -> std::vector<std::string> {
  auto const values = lifetimes(model);
  std::vector<std::string> lines;
  for (uint32_t i = 0; i < model.operator_count(); ++i) {
    std::string line(columns, ' ');
    auto const op = model.op(i);
    for (uint32_t value = 0; value < values.size(); ++value)
      if (values[value].first <= i && i <= values[value].last) mark(line, model, value, '.');
    for (uint32_t k = 0; k < op.input_count(); ++k)
      if (op.input(k) < values.size()) mark(line, model, op.input(k), '=');
    for (uint32_t k = 0; k < op.output_count(); ++k) mark(line, model, op.output(k), '#');
    lines.push_back(std::move(line));
  }
  return lines;
}

auto peak_operator(proto::ModelView const& model) -> uint32_t {
  auto const values = lifetimes(model);
  uint32_t peak = 0;
  uint64_t most = 0;
  for (uint32_t i = 0; i < model.operator_count(); ++i) {
    uint64_t live = 0;
    for (auto const& value : values)
      if (value.first <= i && i <= value.last) live += value.size_bytes;
    if (live > most) {
      most = live;
      peak = i;
    }
  }
  return peak;
}

auto cost_of(proto::ModelView const& model) -> ModelCost {
  ModelCost cost;
  for (uint32_t i = 0; i < model.operator_count(); ++i) {
    auto const op = model.op(i);
    auto const output = made_by(model, op);
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
