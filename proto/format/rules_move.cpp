// The rules of operators that move values without changing them.
#include "proto/format/operator_rules.h"

namespace godwit::proto::rules {

auto check_pad(ModelView const& model, Operator const& op) -> Fault {
  auto const input = input_of(model, op, 0);
  auto const output = output_of(model, op);
  auto const p = op.params<PadParams>();
  if (!all_are(model, op, TensorType::int8)) return kNotInt8;
  if (input.rank != output.rank) return kMisfit;
  for (size_t d = 0; d < kTensorRankMax; ++d)
    if (p.before[d] < 0 ||
        uint64_t{input.shape[d]} + static_cast<uint32_t>(p.before[d]) > output.shape[d])
      return "padding does not fit the output";
  return within(p.value, -128, 127) ? kGood : "value out of range";
}

auto check_reshape(ModelView const& model, Operator const& op) -> Fault {
  return input_of(model, op, 0).size_bytes == output_of(model, op).size_bytes ? kGood
                                                                              : "sizes differ";
}

/// Every output index leads into the input: the sum of the greatest offsets of all axes does.
auto check_rearrange(ModelView const& model, Operator const& op) -> Fault {
  auto const input = input_of(model, op, 0);
  auto const table = input_of(model, op, 1);
  auto const output = output_of(model, op);
  if (input.type != output.type) return kTypesDiffer;
  if (is_wide_constant(input)) return kWideConstant;
  if (output.rank == 0) return "its output has no dimensions";
  uint64_t entries = 0;
  for (uint32_t d = 0; d < output.rank; ++d) entries += output.shape[d];
  if (entries > kTensorBytesMax ||
      !is_constant(table, TensorType::int32, static_cast<uint32_t>(entries)))
    return "its table does not fit the output";
  auto const bytes = model.constant(table);
  uint64_t farthest = 0;
  size_t at = 0;
  for (uint32_t d = 0; d < output.rank; ++d) {
    uint32_t highest = 0;
    for (uint32_t i = 0; i < output.shape[d]; ++i, at += 4) {
      auto const offset = layout::little<uint32_t>(bytes, at);
      if (offset == UINT32_MAX) continue;  // outside: the filler
      if (offset >= input.elements) return "its table leads outside the input";
      highest = std::max(highest, offset);
    }
    farthest += highest;
  }
  return farthest < input.elements ? kGood : "its table leads outside the input";
}

auto check_concatenation(ModelView const& model, Operator const& op) -> Fault {
  auto const output = output_of(model, op);
  auto const p = op.params<ConcatenationParams>();
  if (p.outer < 1) return "nothing to repeat";
  auto const outer = static_cast<uint32_t>(p.outer);
  uint64_t elements = 0;
  for (uint32_t i = 0; i < op.input_count(); ++i) {
    auto const input = input_of(model, op, i);
    if (input.type != output.type) return kTypesDiffer;
    if (is_wide_constant(input)) return kWideConstant;
    if (input.elements % outer != 0) return kMisfit;
    elements += input.elements;
  }
  return elements == output.elements ? kGood : kMisfit;
}

auto check_read_variable(ModelView const& model, Operator const& op) -> Fault {
  auto const state = input_of(model, op, 0);
  auto const output = output_of(model, op);
  return state.type == output.type && state.elements == output.elements
             ? kGood
             : "the variable does not fit the output";
}

auto check_assign_variable(ModelView const& model, Operator const& op) -> Fault {
  auto const value = input_of(model, op, 0);
  auto const state = input_of(model, op, 1);
  if (is_wide_constant(value)) return kWideConstant;
  return state.type == value.type && state.elements == value.elements
             ? kGood
             : "the value does not fit the variable";
}

}  // namespace godwit::proto::rules
