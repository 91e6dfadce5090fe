// The rules of operators that are for int16 activations alone.
#include "proto/format/operator_rules.h"

namespace godwit::proto::rules {

namespace {

constexpr uint32_t kTableValues = 513;
constexpr uint32_t kWideRowMax = 1 << 15;  // so many exponentials have a sum that fits int32

auto check_int16(ModelView const& model, Operator const& op) -> Fault {
  if (!all_are(model, op, TensorType::int16)) return kNotInt16;
  if (is_wide_constant(input_of(model, op, 0))) return kWideConstant;
  return same_shape(input_of(model, op, 0), output_of(model, op)) ? kGood : kMisfit;
}

}  // namespace

auto check_wide_softmax(ModelView const& model, Operator const& op) -> Fault {
  if (auto const fault = check_int16(model, op)) return fault;
  auto const input = input_of(model, op, 0);
  if (input.rank == 0 || input.shape[input.rank - 1] > kWideRowMax) return "its rows are too long";
  for (uint32_t i : {1u, 2u})
    if (!is_constant(input_of(model, op, i), TensorType::int16, kTableValues))
      return "a table does not hold 513 values";
  // No power is negative, and that of the greatest value keeps the sum above 1.
  auto const powers = model.constant(input_of(model, op, 1));
  for (size_t i = 0; i < kTableValues; ++i) {
    auto const power = static_cast<int16_t>(layout::little<uint16_t>(powers, 2 * i));
    if (power < (i >= kTableValues - 2 ? 2 : 0)) return "its exponentials are out of range";
  }
  return good(op.params<RequantizeParams>().multiplier) ? kGood : kMultiplierRange;
}

auto check_wide_slopes(ModelView const& model, Operator const& op) -> Fault {
  auto const p = op.params<SlopesParams>();
  if (auto const fault = check_int16(model, op)) return fault;
  if (!good(p.positive) || !good(p.negative)) return kMultiplierRange;
  return good(p.clamp, TensorType::int16) ? kGood : kClampRange;
}

}  // namespace godwit::proto::rules
