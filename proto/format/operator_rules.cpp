// What the rules of operators share.
#include "proto/format/operator_rules.h"

namespace godwit::proto::rules {

char const kMisfit[] = "shapes do not fit each other";
char const kMultiplierRange[] = "a multiplier is out of range";
char const kClampRange[] = "clamp out of range";
char const kNotRank4[] = "a tensor is not of rank 4";
char const kNotInt8[] = "activations are not int8";
char const kNotInt16[] = "activations are not int16";
char const kNotWhole[] = "activations are not all int8, or all computed int16";
char const kWideConstant[] = "an input is a constant of more than one byte a value";
char const kTypesDiffer[] = "types differ";

auto good(Multiplier m) -> bool {
  return m.value >= 0 && within(m.shift, -31, 30);
}

auto good(Clamp clamp, TensorType type) -> bool {
  int32_t const high = type == TensorType::int16 ? 32767 : 127;
  return clamp.low >= -high - 1 && clamp.low <= clamp.high && clamp.high <= high;
}

auto is_wide_bias(ModelView const& model, Tensor const& bias, uint32_t elements) -> bool {
  constexpr int64_t kMost = INT64_C(1) << 46;
  if (!is_constant(bias, TensorType::int64, elements)) return false;
  auto const bytes = model.constant(bias);
  for (size_t i = 0; i < elements; ++i) {
    auto const value = static_cast<int64_t>(layout::little<uint64_t>(bytes, 8 * i));
    if (value < -kMost || value > kMost) return false;
  }
  return true;
}

auto input_of(ModelView const& model, Operator const& op, uint32_t i) -> Tensor {
  return model.tensor(op.input(i));
}

auto output_of(ModelView const& model, Operator const& op) -> Tensor {
  return model.tensor(op.output(0));
}

auto same_shape(Tensor const& a, Tensor const& b) -> bool {
  if (a.rank != b.rank) return false;
  for (uint32_t d = 0; d < a.rank; ++d)
    if (a.shape[d] != b.shape[d]) return false;
  return true;
}

auto is_constant(Tensor const& tensor, TensorType type, uint32_t elements) -> bool {
  return tensor.place == Place::constant && tensor.type == type && tensor.elements == elements;
}

auto is_wide_constant(Tensor const& tensor) -> bool {
  return tensor.place == Place::constant && element_bytes(tensor.type) > 1;
}

auto all_are(ModelView const& model, Operator const& op, TensorType type, uint32_t inputs) -> bool {
  for (uint32_t i = 0; i < inputs; ++i)
    if (input_of(model, op, i).type != type) return false;
  return output_of(model, op).type == type;
}

auto all_are_whole(ModelView const& model, Operator const& op, uint32_t inputs) -> bool {
  if (all_are(model, op, TensorType::int8, inputs)) return true;
  for (uint32_t i = 0; i < inputs; ++i)
    if (is_wide_constant(input_of(model, op, i))) return false;
  return all_are(model, op, TensorType::int16, inputs);
}

auto window_axis(int32_t stride, int32_t pad, uint32_t reach, uint32_t output) -> bool {
  if (!within(stride, 1, kStrideMax) || !within(pad, 0, kStrideMax)) return false;
  return uint64_t{output} * static_cast<uint32_t>(stride) + reach <=
         static_cast<uint64_t>(std::numeric_limits<int32_t>::max()) / 2;
}

auto broadcasts(Tensor const& input, Tensor const& output) -> bool {
  if (input.rank > output.rank) return false;
  for (uint32_t d = 0; d < input.rank; ++d) {
    auto const extent = input.shape[d];
    if (extent != 1 && extent != output.shape[output.rank - input.rank + d]) return false;
  }
  return true;
}

auto reduced_by(int32_t axes, Tensor const& input) -> uint32_t {
  if (axes <= 0 || axes >= 1 << input.rank) return 0;
  uint32_t reduced = 1;
  for (uint32_t d = 0; d < input.rank; ++d)
    if (axes >> d & 1) reduced *= input.shape[d];
  return reduced;
}

}  // namespace godwit::proto::rules
