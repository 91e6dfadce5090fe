// CONCATENATION and PACK; variables that a graph reads and writes by name.
#include <algorithm>

#include "compiler/lower/rearrange.h"
#include "compiler/lower/unary.h"

namespace godwit::compiler {

/// More inputs than an operator may have are joined group by group.
auto finish_joined(Lowering& lowering, std::vector<uint32_t> values,
                   std::vector<uint32_t> const& sizes, uint32_t outer, TfliteTensor const& output)
    -> Result<> {
  auto widths = sizes;
  while (values.size() > proto::kOperandsMax) {
    std::vector<uint32_t> next_values, next_widths;
    for (size_t from = 0; from < values.size(); from += proto::kOperandsMax) {
      size_t const to = std::min<size_t>(from + proto::kOperandsMax, values.size());
      auto spec = tensor_spec(output);
      uint32_t width = 0;
      for (size_t i = from; i < to; ++i) width += widths[i];
      spec.shape = {outer, width / outer};
      std::vector<uint32_t> const group(values.begin() + static_cast<ptrdiff_t>(from),
                                        values.begin() + static_cast<ptrdiff_t>(to));
      next_values.push_back(lowering.add(
          {proto::Opcode::concatenation,
           group,
           {},
           proto::param_words(proto::ConcatenationParams{static_cast<int32_t>(outer)})},
          std::move(spec)));
      next_widths.push_back(width);
    }
    values = std::move(next_values);
    widths = std::move(next_widths);
  }
  return lowering.finish(
      {proto::Opcode::concatenation,
       std::move(values),
       {},
       proto::param_words(proto::ConcatenationParams{static_cast<int32_t>(outer)})});
}

namespace {

auto lower_join(Lowering& lowering, std::vector<uint32_t> const& output_shape, size_t axis)
    -> Result<> {
  TRY(auto const* output, lowering.output(0, all_types()));
  uint32_t outer = 1;
  for (size_t d = 0; d < axis; ++d) outer *= output_shape[d];
  std::vector<uint32_t> values, sizes;
  uint64_t total = 0;
  for (size_t i = 0; i < lowering.op().inputs.size(); ++i) {
    TRY(auto const* input, lowering.activation(i, {output->type}));
    if (input->elements % outer != 0) return lowering.fail(i, "does not fit the output");
    total += input->elements;
    sizes.push_back(input->elements);
    TRY(auto const value, lowering.value(i));
    TRY(auto const same, requantised(lowering, value, *input, *output));
    values.push_back(same);
  }
  if (total != output->elements) return invalid("has inputs that do not fill its output");
  return finish_joined(lowering, std::move(values), sizes, outer, *output);
}

}  // namespace

auto lower_concatenation(Lowering& lowering) -> Result<> {
  if (lowering.op().inputs.empty() || lowering.op().outputs.size() != 1)
    return invalid("has no inputs, or more than one output");
  TRY(auto const activation, lowering.activation_option(1));
  if (activation != Activation::none) return invalid("has a fused activation");
  TRY(auto const* output, lowering.output(0, all_types()));
  TRY(auto const number, lowering.option_int(0, 0));
  TRY(auto const axis, read_axis(number, output->shape.size()));
  for (size_t i = 0; i < lowering.op().inputs.size(); ++i) {
    auto shape = lowering.input_shape(i);
    if (shape.size() == output->shape.size()) shape[axis] = output->shape[axis];
    if (shape != output->shape) return lowering.fail(i, "does not fit the output");
  }
  return lower_join(lowering, output->shape, axis);
}

auto lower_pack(Lowering& lowering) -> Result<> {
  if (lowering.op().inputs.empty() || lowering.op().outputs.size() != 1)
    return invalid("has no inputs, or more than one output");
  TRY(auto const* output, lowering.output(0, all_types()));
  TRY(auto const number, lowering.option_int(1, 0));
  TRY(auto const axis, read_axis(number, output->shape.size()));
  for (size_t i = 0; i < lowering.op().inputs.size(); ++i) {
    auto shape = output->shape;
    shape.erase(shape.begin() + static_cast<ptrdiff_t>(axis));
    if (lowering.input_shape(i) != shape) return lowering.fail(i, "does not fit the output");
  }
  return lower_join(lowering, output->shape, axis);
}

auto lower_var_handle(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(0, 0));
  TRY(auto const container, lowering.option_text(0));
  TRY(auto const name, lowering.option_text(1));
  if (name.empty()) return invalid("names no variable");
  lowering.name_variable(clean_name(container + (container.empty() ? "" : "/") + name));
  return {};
}

auto lower_read_variable(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(1, 1));
  TRY(auto const* output, lowering.output(0, all_types()));
  TRY(auto const variable, lowering.variable(0, *output));
  return lowering.finish({proto::Opcode::read_variable, {variable}, {}, {}});
}

auto lower_assign_variable(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(2, 2, 0));
  TRY(auto const* input, lowering.activation(1, all_types()));
  TRY(auto const value, lowering.value(1));
  TRY(auto const variable, lowering.variable(0, *input));
  lowering.add({proto::Opcode::assign_variable, {value, variable}, {}, {}});
  return {};
}

/// What a graph runs once, before its first row: only variables that begin as zero are possible,
/// for that is what the engine's state begins as.
auto lower_call_once(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(0, 0, 0));
  TRY(auto const index, lowering.option_int(0, 0));
  TRY(auto const* graph, lowering.other_graph(index));
  for (auto const& op : graph->operators) {
    if (op.code == TfliteCode::var_handle) continue;
    if (op.code != TfliteCode::assign_variable || op.inputs.size() != 2 || op.inputs[1] < 0)
      return invalid("runs " + op.name + " once, which cannot be compiled");
    auto const& value = graph->tensors[static_cast<size_t>(op.inputs[1])];
    auto const zero = static_cast<uint8_t>(
        one_byte(value.type) && !value.zero_points.empty() ? value.zero_points[0] : 0);
    if (value.data.empty() || std::any_of(value.data.begin(), value.data.end(),
                                          [=](uint8_t byte) { return byte != zero; }))
      return invalid("sets a variable to something that is not zero everywhere");
  }
  return {};
}

auto lower_reshape(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(1, 2));
  TRY(auto const source, read_source(lowering, 0));
  TRY(auto const* output, lowering.output(0, {source.tensor->type}));
  if (source.tensor->elements != output->elements)
    return lowering.fail(0, "has another number of elements than the output");
  return lowering.finish({proto::Opcode::reshape, {source.value}, {}, {}});
}

}  // namespace godwit::compiler
