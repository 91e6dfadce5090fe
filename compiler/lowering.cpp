// The checks and conversions that the lowering of every operator shares.
#include "compiler/lower.h"

namespace godwit::compiler {

namespace {

constexpr char const* kShapeFault =
    "has an open, empty or too large shape: export the model with fixed shapes (batch 1)";

}  // namespace

auto Lowering::tensor_error(int32_t index, std::string const& why) const -> Error {
  if (index < 0) return invalid("an input that it needs is left out");
  return invalid("tensor " + std::to_string(index) + " '" +
                 model_.tensors[static_cast<size_t>(index)].name + "' " + why);
}

auto Lowering::fail(size_t input, std::string const& why) const -> Error {
  return tensor_error(op_.inputs[input], why);
}

auto Lowering::check_count(size_t inputs_min, size_t inputs_max) const -> Result<> {
  if (op_.inputs.size() < inputs_min || op_.inputs.size() > inputs_max || op_.outputs.size() != 1)
    return invalid("has " + std::to_string(op_.inputs.size()) + " inputs and " +
                   std::to_string(op_.outputs.size()) + " outputs, which no such operator has");
  return {};
}

auto Lowering::quantised(int32_t index) const -> Result<TfliteTensor const*> {
  if (index < 0) return tensor_error(index, "");
  auto const& tensor = model_.tensors[static_cast<size_t>(index)];
  if (tensor.type != TfliteType::int8)
    return tensor_error(index, "is " + to_string(tensor.type) +
                                   ", not int8: convert the model with full integer quantisation "
                                   "(int8 activations, inputs and outputs)");
  if (tensor.elements == 0) return tensor_error(index, kShapeFault);
  if (tensor.scales.size() != 1 || tensor.zero_points.size() != 1 || !(tensor.scales[0] > 0))
    return tensor_error(index,
                        "has no scale and zero point of its own: convert the model with full "
                        "integer quantisation");
  if (tensor.zero_points[0] < -128 || tensor.zero_points[0] > 127)
    return tensor_error(index, "has a zero point outside int8");
  return &tensor;
}

auto Lowering::activation(size_t i) const -> Result<TfliteTensor const*> {
  return quantised(has_input(i) ? op_.inputs[i] : -1);
}

auto Lowering::output() const -> Result<TfliteTensor const*> {
  return quantised(op_.outputs[0]);
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

auto Lowering::value(size_t i) -> Result<uint32_t> {
  TRY(auto const* tensor, activation(i));
  auto const index = static_cast<size_t>(op_.inputs[i]);
  if (values_[index] != kNoValue) return values_[index];
  if (tensor->data.empty()) return fail(i, "is read before any operator writes it");
  return add_constant({.name = tensor->name,
                       .type = proto::TensorType::int8,
                       .shape = tensor->shape,
                       .scales = tensor->scales,
                       .zero_point = static_cast<int32_t>(tensor->zero_points[0]),
                       .data = Bytes(tensor->data.begin(), tensor->data.end())});
}

auto Lowering::add_constant(proto::TensorSpec tensor) -> uint32_t {
  constants_.push_back(std::move(tensor));
  return kConstantBase + static_cast<uint32_t>(constants_.size() - 1);
}

}  // namespace godwit::compiler
