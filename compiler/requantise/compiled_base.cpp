#include "compiler/requantise/compiled_base.h"

#include <algorithm>

#include "agent/engine/engine.h"
#include "compiler/lower/quantise.h"
#include "compiler/memory/plan.h"

namespace godwit::compiler {

namespace {

using proto::Opcode;

// Where an operator with a matrix has what.
constexpr size_t kInput = 0, kWeights = 1, kBias = 2, kMultipliers = 3, kShifts = 4;

auto is_matrix(Opcode code) -> bool {
  return code == Opcode::conv_2d || code == Opcode::depthwise_conv_2d ||
         code == Opcode::fully_connected || code == Opcode::fully_connected_4 ||
         code == Opcode::transpose_conv;
}

auto tensor_spec_of(proto::ModelView const& model, proto::Tensor const& tensor)
    -> proto::TensorSpec {
  proto::TensorSpec spec{.name = std::string(tensor.name),
                         .type = tensor.type,
                         .shape = {tensor.shape.begin(), tensor.shape.begin() + tensor.rank},
                         .scales = {},
                         .scale_axis = tensor.scale_axis,
                         .zero_point = tensor.zero_point,
                         .arena_offset = tensor.offset,
                         .state = tensor.place == proto::Place::state};
  for (uint32_t i = 0; i < tensor.scale_count; ++i) spec.scales.push_back(tensor.scale(i));
  if (tensor.place == proto::Place::constant) {
    auto const bytes = model.constant(tensor);
    spec.data = Bytes(bytes.begin(), bytes.end());
  }
  return spec;
}

auto spec_of(proto::ModelView const& model) -> proto::ModelSpec {
  proto::ModelSpec spec{.tensors = {},
                        .operators = {},
                        .input_count = model.input_count(),
                        .outputs = {},
                        .arena_bytes = model.arena_bytes(),
                        .state_bytes = model.state_bytes(),
                        .rounding = model.rounding(),
                        .golden = model.golden(),
                        .source = model.source()};
  for (uint32_t i = 0; i < model.tensor_count(); ++i)
    spec.tensors.push_back(tensor_spec_of(model, model.tensor(i)));
  for (uint32_t i = 0; i < model.operator_count(); ++i) {
    auto const op = model.op(i);
    proto::OperatorSpec made{.code = op.code(), .inputs = {}, .outputs = {}, .params = {}};
    for (uint32_t k = 0; k < op.input_count(); ++k) made.inputs.push_back(op.input(k));
    for (uint32_t k = 0; k < op.output_count(); ++k) made.outputs.push_back(op.output(k));
    for (uint32_t k = 0; k < op.param_count(); ++k) made.params.push_back(op.param(k));
    spec.operators.push_back(std::move(made));
  }
  for (uint32_t i = 0; i < model.output_count(); ++i) spec.outputs.push_back(model.output(i));
  return spec;
}

auto tflite_type(proto::TensorType type) -> TfliteType {
  switch (type) {
    case proto::TensorType::int8:
      return TfliteType::int8;
    case proto::TensorType::uint8:
      return TfliteType::uint8;
    case proto::TensorType::int16:
      return TfliteType::int16;
    case proto::TensorType::int32:
      return TfliteType::int32;
    case proto::TensorType::float32:
      return TfliteType::float32;
    case proto::TensorType::int64:
      return TfliteType::int64;
  }
  return TfliteType::int64;
}

auto graph_tensor(proto::TensorSpec const& spec) -> TfliteTensor {
  TfliteTensor tensor{.name = spec.name,
                      .type = tflite_type(spec.type),
                      .shape = spec.shape,
                      .elements = 1,
                      .scales = spec.scales,
                      .zero_points = {spec.zero_point},
                      .scale_axis = spec.scale_axis,
                      .data = {}};
  for (uint32_t const extent : spec.shape) tensor.elements *= extent;
  if (spec.data) tensor.data = *spec.data;
  return tensor;
}

/// Of the steps of the input and of the weights, to that of the output: as in lowering.
void set_multipliers(proto::ModelSpec& spec, proto::OperatorSpec const& op) {
  auto const& input = spec.tensors[op.inputs[kInput]].scales;
  auto const& output = spec.tensors[op.outputs[0]].scales;
  auto const& weights = spec.tensors[op.inputs[kWeights]].scales;
  size_t const channels = spec.tensors[op.inputs[kShifts]].data->size();
  Writer values;
  Writer shifts;
  for (size_t c = 0; c < channels; ++c) {
    double const scale = static_cast<double>(weights.size() == 1 ? weights[0] : weights[c]);
    auto const m =
        quantise_multiplier(static_cast<double>(input[0]) * scale / static_cast<double>(output[0]));
    values.u32(static_cast<uint32_t>(m.value));
    shifts.u8(static_cast<uint8_t>(m.shift));
  }
  spec.tensors[op.inputs[kMultipliers]].data = std::move(values).take();
  spec.tensors[op.inputs[kShifts]].data = std::move(shifts).take();
}

}  // namespace

auto CompiledBase::read(ByteView model) -> Result<CompiledBase> {
  TRY(auto const view, proto::parse_model(model));
  CompiledBase base;
  base.spec_ = spec_of(view);
  for (auto const& tensor : base.spec_.tensors) base.graph_.tensors.push_back(graph_tensor(tensor));
  for (auto const& op : base.spec_.operators)
    TRY_VOID(base.add_operator(op).within(proto::to_string(op.code)));
  return base;
}

/// As the requantiser knows operators: where it looks for input, weights and bias.
auto CompiledBase::add_operator(proto::OperatorSpec const& op) -> Result<> {
  if (op.code == Opcode::svdf || op.code == Opcode::unidirectional_sequence_lstm)
    return invalid(
        "a compiled model does not say what its biases count in: give the int8 .tflite file that "
        "it was compiled from as the base");
  TfliteOperator made{.code = TfliteCode::custom,
                      .name = std::string(proto::to_string(op.code)),
                      .inputs = {op.inputs.begin(), op.inputs.end()},
                      .outputs = {op.outputs.begin(), op.outputs.end()},
                      .options = std::nullopt};
  if (is_matrix(op.code)) {
    if (graph_.tensors[op.inputs[kInput]].scales.empty()) return invalid("its input has no scale");
    made.inputs.resize(kBias + 1);
  }
  if (op.code == Opcode::conv_2d) made.code = TfliteCode::conv_2d;
  if (op.code == Opcode::depthwise_conv_2d) made.code = TfliteCode::depthwise_conv_2d;
  if (op.code == Opcode::fully_connected) made.code = TfliteCode::fully_connected;
  if (op.code == Opcode::transpose_conv) {
    made.code = TfliteCode::transpose_conv;  // which begins with the shape of its output
    made.inputs = {-1, made.inputs[kWeights], made.inputs[kInput], made.inputs[kBias]};
  }
  if (op.code == Opcode::fully_connected_4) {
    made.code = TfliteCode::fully_connected;
    auto& weights = graph_.tensors[op.inputs[kWeights]];
    weights.type = TfliteType::int4;
    weights.shape[1] *= 2;
    weights.elements *= 2;
  }
  graph_.operators.push_back(std::move(made));
  return {};
}

auto CompiledBase::changed(Requantised const& made) const -> proto::ModelSpec {
  auto spec = spec_;
  for (size_t i = 0; i < spec.tensors.size(); ++i) {
    auto const& tensor = made.model.tensors[i];
    if (spec.tensors[i].data) spec.tensors[i].data = Bytes(tensor.data.begin(), tensor.data.end());
    spec.tensors[i].scales = tensor.scales;
  }
  for (auto const& op : spec.operators)
    if (is_matrix(op.code) &&
        spec.tensors[op.inputs[kWeights]].scales != spec_.tensors[op.inputs[kWeights]].scales)
      set_multipliers(spec, op);
  return spec;
}

auto CompiledBase::with(Requantised const& made, Sha256 const& source) const -> Result<Compiled> {
  auto spec = changed(made);
  spec.source = source;
  Compiled compiled;
  compiled.model = proto::write_model(spec);
  TRY_VOID(engine::Engine::load(compiled.model).within("checking the result"));
  if (spec.golden) {
    TRY(compiled.model, renew_golden(compiled.model));
  }
  return compiled;
}

auto CompiledBase::measure(Requantised const& made, std::vector<MeanRequest> const& requests,
                           ByteView rows) const -> Result<Means> {
  auto spec = changed(made);
  Graph graph{.tensors = std::move(spec.tensors),
              .operators = std::move(spec.operators),
              .input_count = spec.input_count,
              .outputs = {},
              .rounding = spec.rounding,
              .state_bytes = spec.state_bytes};
  for (int32_t const tensor : asked_tensors(requests))
    graph.outputs.push_back(static_cast<uint32_t>(tensor));
  TRY(spec.arena_bytes, plan_memory(graph));
  spec.tensors = std::move(graph.tensors);
  spec.operators = std::move(graph.operators);
  spec.outputs = std::move(graph.outputs);
  spec.golden.reset();
  return means_of(proto::write_model(spec), graph_, requests, rows);
}

}  // namespace godwit::compiler
