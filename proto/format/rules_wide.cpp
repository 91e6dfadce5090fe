// The rules of operators that are for int16 activations alone.
#include "proto/format/operator_rules.h"

namespace godwit::proto::rules {

namespace {

constexpr uint32_t kTableValues = 513;
constexpr uint32_t kWideRowMax = 1 << 15;  // so many exponentials have a sum that fits int32

auto check_int16(ModelView const& model, Operator const& op) -> Fault {
  if (!all_are(model, op, TensorType::int16)) return "activations are not int16";
  if (is_wide_constant(model.tensor(op.input(0)))) return kWideConstant;
  return same_shape(model.tensor(op.input(0)), model.tensor(op.output(0)))
             ? kGood
             : "shapes do not fit each other";
}

}  // namespace

auto check_wide_softmax(ModelView const& model, Operator const& op) -> Fault {
  if (auto const fault = check_int16(model, op)) return fault;
  auto const input = model.tensor(op.input(0));
  if (input.rank == 0 || input.shape[input.rank - 1] > kWideRowMax) return "its rows are too long";
  for (uint32_t i : {1u, 2u})
    if (!is_constant(model.tensor(op.input(i)), TensorType::int16, kTableValues))
      return "a table does not hold 513 values";
  // No power is negative, and that of the greatest value keeps the sum above 1.
  auto const powers = model.constant(model.tensor(op.input(1)));
  for (size_t i = 0; i < kTableValues; ++i) {
    auto const power = static_cast<int16_t>(layout::little<uint16_t>(powers, 2 * i));
    if (power < (i >= kTableValues - 2 ? 2 : 0)) return "its exponentials are out of range";
  }
  return good(op.params<RequantizeParams>().multiplier) ? kGood : "a multiplier is out of range";
}

auto check_wide_slopes(ModelView const& model, Operator const& op) -> Fault {
  auto const p = op.params<SlopesParams>();
  if (auto const fault = check_int16(model, op)) return fault;
  if (!good(p.positive) || !good(p.negative)) return "a multiplier is out of range";
  return good(p.clamp, TensorType::int16) ? kGood : "clamp out of range";
}

}  // namespace godwit::proto::rules
