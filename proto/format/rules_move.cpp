// The rules of operators that move values without changing them.
#include "proto/format/operator_rules.h"

namespace godwit::proto::rules {

auto check_pad(ModelView const& model, Operator const& op) -> Fault {
  auto const input = model.tensor(op.input(0));
  auto const output = model.tensor(op.output(0));
  auto const p = op.params<PadParams>();
  if (!all_are(model, op, TensorType::int8)) return kNotInt8;
  if (input.rank != output.rank) return "shapes do not fit each other";
  for (size_t d = 0; d < kTensorRankMax; ++d)
    if (p.before[d] < 0 ||
        uint64_t{input.shape[d]} + static_cast<uint32_t>(p.before[d]) > output.shape[d])
      return "padding does not fit the output";
  return within(p.value, -128, 127) ? kGood : "value out of range";
}

auto check_reshape(ModelView const& model, Operator const& op) -> Fault {
  return model.tensor(op.input(0)).size_bytes == model.tensor(op.output(0)).size_bytes
             ? kGood
             : "sizes differ";
}

}  // namespace godwit::proto::rules
