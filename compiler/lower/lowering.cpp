// The checks and conversions that the lowering of every operator shares.
#include "compiler/lower/lower.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "compiler/lower/real.h"

namespace godwit::compiler {

namespace {

constexpr char const* kShapeFault =
    "has an open, empty or too large shape: export the model with fixed shapes (batch 1)";

/// The zero points that a type can have.
auto range_of(TfliteType type) -> std::pair<int64_t, int64_t> {
  switch (type) {
    case TfliteType::int8:
      return {-128, 127};
    case TfliteType::uint8:
      return {0, 255};
    case TfliteType::int16:
      return {-32768, 32767};
    default:
      return {0, 0};
  }
}

auto compiled_type(TfliteType type) -> proto::TensorType {
  switch (type) {
    case TfliteType::uint8:
      return proto::TensorType::uint8;
    case TfliteType::int16:
      return proto::TensorType::int16;
    case TfliteType::int32:
      return proto::TensorType::int32;
    case TfliteType::float32:
      return proto::TensorType::float32;
    default:
      return proto::TensorType::int8;
  }
}

}  // namespace

std::vector<TfliteType> const& whole_types() {
  static std::vector<TfliteType> const types = {TfliteType::int8, TfliteType::int16};
  return types;
}

auto whole_range(TfliteType type) -> proto::Clamp {
  auto const [low, high] = range_of(type);
  return {static_cast<int32_t>(low), static_cast<int32_t>(high)};
}

auto broadcasts(std::vector<uint32_t> const& from, std::vector<uint32_t> const& to) -> bool {
  if (from.size() > to.size()) return false;
  for (size_t d = 0; d < from.size(); ++d)
    if (from[d] != 1 && from[d] != to[to.size() - from.size() + d]) return false;
  return true;
}

auto Lowering::tensor_error(int32_t index, std::string const& why) const -> Error {
  if (index < 0) return invalid("an input that it needs is left out");
  return invalid("tensor " + std::to_string(index) + " '" +
                 model_.tensors[static_cast<size_t>(index)].name + "' " + why);
}

auto Lowering::fail(size_t input, std::string const& why) const -> Error {
  return tensor_error(op_.inputs[input], why);
}

auto Lowering::check_count(size_t inputs_min, size_t inputs_max, size_t outputs) const -> Result<> {
  if (op_.inputs.size() < inputs_min || op_.inputs.size() > inputs_max ||
      op_.outputs.size() != outputs)
    return invalid("has " + std::to_string(op_.inputs.size()) + " inputs and " +
                   std::to_string(op_.outputs.size()) + " outputs, which no such operator has");
  return {};
}

auto Lowering::quantised(int32_t index, std::vector<TfliteType> const& types) const
    -> Result<TfliteTensor const*> {
  if (index < 0) return tensor_error(index, "");
  auto const& tensor = model_.tensors[static_cast<size_t>(index)];
  if (std::find(types.begin(), types.end(), tensor.type) == types.end()) {
    std::string names;
    for (auto type : types) names += (names.empty() ? "" : " or ") + to_string(type);
    auto const fault = "is " + to_string(tensor.type) + ", not " + names;
    if (!lowered_.reals[static_cast<size_t>(index)].sources.empty())
      return tensor_error(index, fault +
                                     ": the converter left its maker in float32, which can be "
                                     "compiled as far as each value depends on one or two bytes; "
                                     "put a layer that it quantises in its place (RELU for ELU)");
    return tensor_error(index, fault +
                                   ": convert the model with full integer quantisation "
                                   "(int8 activations, inputs and outputs)");
  }
  if (tensor.elements == 0) return tensor_error(index, kShapeFault);
  // Where float32 would do, so do numbers of any type that mean no more than they say.
  bool const plain = tensor.type == TfliteType::int32 ||
                     std::find(types.begin(), types.end(), TfliteType::float32) != types.end();
  if (plain && tensor.scales.empty()) return &tensor;
  if (tensor.scales.size() != 1 || tensor.zero_points.size() != 1 || !(tensor.scales[0] > 0))
    return tensor_error(index,
                        "has no scale and zero point of its own: convert the model with full "
                        "integer quantisation");
  auto const [low, high] = range_of(tensor.type);
  if (tensor.zero_points[0] < low || tensor.zero_points[0] > high)
    return tensor_error(index, "has a zero point outside " + to_string(tensor.type));
  return &tensor;
}

auto Lowering::activation(size_t i) const -> Result<TfliteTensor const*> {
  return activation(i, {TfliteType::int8});
}

auto Lowering::output() const -> Result<TfliteTensor const*> {
  return output(0, {TfliteType::int8});
}

auto Lowering::activation(size_t i, std::vector<TfliteType> const& types) const
    -> Result<TfliteTensor const*> {
  return quantised(has_input(i) ? op_.inputs[i] : -1, types);
}

auto Lowering::output(size_t i, std::vector<TfliteType> const& types) const
    -> Result<TfliteTensor const*> {
  if (i >= op_.outputs.size()) return invalid("lacks an output");
  return quantised(op_.outputs[i], types);
}

auto Lowering::check_same_quantisation(size_t i, TfliteTensor const& output) const -> Result<> {
  TRY(auto const* input, activation(i, {output.type, TfliteType::float32}));
  if (input->type != output.type) TRY_VOID(activation(i, {output.type}));
  if (input->scales.empty() || output.scales.empty()) return {};  // plain numbers
  if (std::abs(real_scale(*input) - real_scale(output)) > 1e-6 ||
      zero_point(*input) != zero_point(output))
    return fail(i, "and the output have different scales: requantise with QUANTIZE first");
  return {};
}

auto Lowering::constant(size_t i, TfliteType type) const -> Result<TfliteTensor const*> {
  if (!has_input(i)) return tensor_error(-1, "");
  auto const& tensor = model_.tensors[static_cast<size_t>(op_.inputs[i])];
  if (tensor.data.empty()) return fail(i, "is computed, where this compiler needs a constant");
  if (tensor.type != type)
    return fail(i, "is " + to_string(tensor.type) + ", where " + to_string(type) + " is needed");
  if (tensor.elements == 0) return fail(i, kShapeFault);
  return &tensor;
}

auto Lowering::small_numbers(size_t i) const -> Result<std::vector<int64_t>> {
  if (!has_input(i)) return tensor_error(-1, "");
  auto const& given = model_.tensors[static_cast<size_t>(op_.inputs[i])];
  bool const wide = given.type == TfliteType::int64;
  TRY(auto const* tensor, constant(i, wide ? TfliteType::int64 : TfliteType::int32));
  Reader reader(tensor->data);
  std::vector<int64_t> out;
  for (uint32_t k = 0; k < tensor->elements; ++k) {
    if (wide) {
      TRY(auto const number, reader.u64());
      out.push_back(static_cast<int64_t>(number));
    } else {
      TRY(auto const number, reader.u32());
      out.push_back(static_cast<int32_t>(number));
    }
  }
  return out;
}

auto Lowering::option_int(uint32_t field, int32_t absent) const -> Result<int32_t> {
  if (!op_.options) return absent;
  return op_.options->number<int32_t>(field, absent);
}

auto Lowering::option_byte(uint32_t field) const -> Result<int8_t> {
  if (!op_.options) return int8_t{0};
  return op_.options->number<int8_t>(field, 0);
}

auto Lowering::option_text(uint32_t field) const -> Result<std::string> {
  if (!op_.options) return std::string();
  TRY(auto const text, op_.options->text(field));
  return std::string(text);
}

auto Lowering::other_graph(int32_t i) const -> Result<TfliteModel const*> {
  if (i < 1 || static_cast<size_t>(i) > model_.others.size())
    return invalid("names a graph that the file does not have");
  return &model_.others[static_cast<size_t>(i) - 1];
}

auto Lowering::option_float(uint32_t field, float absent) const -> Result<float> {
  if (!op_.options) return absent;
  return op_.options->number<float>(field, absent);
}

auto Lowering::activation_option(uint32_t field) const -> Result<Activation> {
  TRY(auto const code, option_byte(field));
  if (code < 0 || code > 3)
    return invalid("has a fused activation of kind " + std::to_string(code) +
                   "; none, RELU, RELU_N1_TO_1 and RELU6 can be compiled");
  return static_cast<Activation>(code);
}

auto tensor_spec(TfliteTensor const& tensor) -> proto::TensorSpec {
  return {
      .name = tensor.name,
      .type = compiled_type(tensor.type),
      .shape = tensor.shape,
      .scales = tensor.scales,
      .zero_point = tensor.zero_points.empty() ? 0 : static_cast<int32_t>(tensor.zero_points[0])};
}

auto Lowering::value(size_t i) -> Result<uint32_t> {
  if (!has_input(i)) return tensor_error(-1, "");
  auto const index = static_cast<size_t>(op_.inputs[i]);
  auto& value = lowered_.values[index];
  if (value != kNoValue) return value;
  auto const& tensor = model_.tensors[index];
  if (!lowered_.reals[index].sources.empty()) {
    TRY(auto const made, real_value(*this, lowered_.reals[index], tensor));
    return lowered_.values[index] = made;
  }
  if (tensor.data.empty()) return fail(i, "is read before any operator writes it");
  auto spec = tensor_spec(tensor);
  spec.data = Bytes(tensor.data.begin(), tensor.data.end());
  return add_constant(std::move(spec));
}

/// Tables of 256 values, which LOOKUP reads by the bytes 0, 1, 2...: the one operator whose
/// constants may be wide.
auto Lowering::computed_value(size_t i) -> Result<uint32_t> {
  if (!has_input(i) || is_computed(i) || input_type(i) != TfliteType::int16) return value(i);
  auto const& tensor = model_.tensors[static_cast<size_t>(op_.inputs[i])];
  constexpr size_t kTable = 256;
  if (tensor.elements > kTable * proto::kOperandsMax) return fail(i, "is too large a constant");
  std::vector<uint32_t> parts;
  for (size_t from = 0; from < tensor.elements; from += kTable) {
    size_t const count = std::min<size_t>(kTable, tensor.elements - from);
    auto const part = tensor.data.subspan(2 * from, 2 * count);
    Bytes table(part.begin(), part.end());
    table.resize(2 * kTable);
    Bytes bytes(count);
    for (size_t k = 0; k < count; ++k) bytes[k] = static_cast<uint8_t>(k);
    auto made = tensor_spec(tensor);
    made.shape = {static_cast<uint32_t>(count)};
    auto const source = add_constant({.name = tensor.name + ":index",
                                      .type = proto::TensorType::uint8,
                                      .shape = made.shape,
                                      .scales = {},
                                      .data = std::move(bytes)});
    auto const values = add_constant({.name = tensor.name,
                                      .type = proto::TensorType::int16,
                                      .shape = {static_cast<uint32_t>(kTable)},
                                      .scales = {},
                                      .data = std::move(table)});
    parts.push_back(add({proto::Opcode::lookup, {source, values}, {}, {}}, std::move(made)));
  }
  auto const joined = proto::param_words(proto::ConcatenationParams{1});
  return add({proto::Opcode::concatenation, parts, {}, joined}, tensor_spec(tensor));
}

auto Lowering::add_constant(proto::TensorSpec tensor) -> uint32_t {
  if (tensor.data) lowered_.constant_bytes += tensor.data->size();
  lowered_.constants.push_back(std::move(tensor));
  return kConstantBase + static_cast<uint32_t>(lowered_.constants.size() - 1);
}

auto Lowering::state(size_t i, TfliteType type) -> Result<uint32_t> {
  TRY(auto const* tensor, activation(i, {type}));
  auto& value = lowered_.values[static_cast<size_t>(op_.inputs[i])];
  if (!tensor->variable || !tensor->data.empty() || value != kNoValue)
    return fail(i, "is no variable of this operator alone");
  auto spec = tensor_spec(*tensor);
  spec.state = true;
  return value = add_constant(std::move(spec));
}

auto Lowering::reals(size_t i) const -> Reals const* {
  if (!has_input(i)) return nullptr;
  auto const& reals = lowered_.reals[static_cast<size_t>(op_.inputs[i])];
  return reals.sources.empty() ? nullptr : &reals;
}

auto Lowering::set_reals(Reals reals) -> Result<> {
  constexpr size_t kResultsMax = 1 << 24;
  lowered_.real_results += reals.results.size();
  if (lowered_.real_results > kResultsMax)
    return invalid(
        "is one operator on pairs of values too many: convert the model with full "
        "integer quantisation");
  lowered_.reals[static_cast<size_t>(op_.outputs[0])] = std::move(reals);
  return {};
}

auto Lowering::makes_reals() const -> bool {
  if (op_.outputs.size() != 1) return false;
  auto const& output = model_.tensors[static_cast<size_t>(op_.outputs[0])];
  return output.data.empty() &&
         (output.type == TfliteType::float32 || output.type == TfliteType::boolean);
}

auto Lowering::same_number(size_t i) const -> std::optional<float> {
  if (!has_input(i)) return std::nullopt;
  auto const& tensor = model_.tensors[static_cast<size_t>(op_.inputs[i])];
  auto const& data = tensor.data;
  constexpr size_t kFloat = 4;
  if (tensor.type != TfliteType::float32 || tensor.elements == 0 || data.empty())
    return std::nullopt;
  for (size_t at = kFloat; at < data.size(); ++at)
    if (data[at] != data[at - kFloat]) return std::nullopt;
  uint32_t bits = 0;
  for (size_t at = kFloat; at-- > 0;) bits = bits << 8 | data[at];
  return std::bit_cast<float>(bits);
}

void Lowering::name_variable(std::string name) {
  lowered_.handles[static_cast<size_t>(op_.outputs[0])] = std::move(name);
}

auto Lowering::variable(size_t i, TfliteTensor const& like) -> Result<uint32_t> {
  auto const& name = has_input(i) ? lowered_.handles[static_cast<size_t>(op_.inputs[i])] : "";
  if (name.empty()) return invalid("names no variable");
  for (auto const& known : lowered_.variables) {
    if (known.name != name) continue;
    if (known.tensor->type != like.type || known.tensor->elements != like.elements)
      return invalid("uses variable '" + name + "' with another type or size than before");
    return known.value;
  }
  auto spec = tensor_spec(like);
  spec.name = name;
  spec.state = true;
  auto const value = add_constant(std::move(spec));
  lowered_.variables.push_back({name, value, &like});
  return value;
}

void Lowering::add(proto::OperatorSpec op) {
  lowered_.graph.operators.push_back(std::move(op));
}

auto Lowering::add(proto::OperatorSpec op, proto::TensorSpec output) -> uint32_t {
  auto const value = static_cast<uint32_t>(lowered_.graph.tensors.size());
  lowered_.graph.tensors.push_back(std::move(output));
  op.outputs = {value};
  lowered_.graph.operators.push_back(std::move(op));
  return value;
}

auto Lowering::bytes_behind(size_t i) -> Result<uint32_t> {
  constexpr char const* kFault =
      "is not of quantised bytes, nor made of them by DEQUANTIZE: convert the model with full "
      "integer quantisation";
  TRY(auto value, this->value(i));
  for (auto const& op : lowered_.graph.operators)
    if (op.code == proto::Opcode::dequantize && op.outputs[0] == value) value = op.inputs[0];
  if (value >= kConstantBase) return fail(i, kFault);
  auto const& made = spec(value);
  if (proto::element_bytes(made.type) != 1 || made.scales.size() != 1) return fail(i, kFault);
  return value;
}

auto Lowering::finish_all(proto::OperatorSpec op, std::vector<std::vector<uint32_t>> const& shapes)
    -> Result<> {
  for (size_t i = 0; i < op_.outputs.size(); ++i) {
    auto const* const tensor = &model_.tensors[static_cast<size_t>(op_.outputs[i])];
    if (tensor->type != TfliteType::float32) TRY_VOID(output(i, {TfliteType::float32}));
    auto& value = lowered_.values[static_cast<size_t>(op_.outputs[i])];
    if (value != kNoValue || !tensor->data.empty())
      return invalid("writes tensor " + std::to_string(op_.outputs[i]) +
                     ", which has a value already");
    value = static_cast<uint32_t>(lowered_.graph.tensors.size());
    op.outputs.push_back(value);
    auto made = tensor_spec(*tensor);
    uint64_t elements = 1;
    for (auto extent : shapes[i]) elements *= extent;
    if (made.shape.empty() || tensor->elements != elements)
      made.shape = shapes[i];  // the file leaves it open, or says what no runtime heeds
    lowered_.graph.tensors.push_back(std::move(made));
  }
  lowered_.graph.operators.push_back(std::move(op));
  return {};
}

auto Lowering::finish(proto::OperatorSpec op, size_t i) -> Result<> {
  auto const index = static_cast<size_t>(op_.outputs[i]);
  auto const& tensor = model_.tensors[index];
  if (lowered_.values[index] != kNoValue || !tensor.data.empty())
    return invalid("writes tensor " + std::to_string(index) + ", which has a value already");
  lowered_.values[index] = add(std::move(op), tensor_spec(tensor));
  return {};
}

}  // namespace godwit::compiler
