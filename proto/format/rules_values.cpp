// The rules of operators that compute values without weights.
#include "proto/format/operator_rules.h"

namespace godwit::proto::rules {

auto check_add(ModelView const& model, Operator const& op) -> Fault {
  auto const output = output_of(model, op);
  auto const p = op.params<AddParams>();
  bool const wide = output.type == TensorType::int16;
  if (auto const fault = check_pair(model, op)) return fault;
  // A factor of at most 1 keeps both scaled inputs inside int32.
  if (!within(p.left_shift, 0, wide ? 15 : 20) || !good(p.first) || p.first.shift > 0 ||
      !good(p.second) || p.second.shift > 0 || !good(p.output))
    return kMultiplierRange;
  return good(p.clamp, output.type) ? kGood : kClampRange;
}

auto check_pool(ModelView const& model, Operator const& op) -> Fault {
  auto const input = input_of(model, op, 0);
  auto const output = output_of(model, op);
  auto const p = op.params<PoolParams>();
  if (op.code() == Opcode::average_pool_2d_up ? !all_are(model, op, TensorType::int8)
                                              : !all_are_whole(model, op))
    return kNotWhole;
  if (input.rank != 4 || output.rank != 4) return kNotRank4;
  if (input.shape[0] != output.shape[0] || input.shape[3] != output.shape[3]) return kMisfit;
  if (!within(p.filter_height, 1, kStrideMax) || !within(p.filter_width, 1, kStrideMax) ||
      int64_t{p.filter_height} * p.filter_width > reduced_max(output.type))
    return "filter out of range";
  auto const axis = [](int32_t filter, int32_t stride, int32_t pad, uint32_t in, uint32_t out) {
    // Every window must touch the input: an average over nothing has no value.
    return window_axis(stride, pad, static_cast<uint32_t>(filter), out) && pad < filter &&
           int64_t{out - 1} * stride - pad < int64_t{in};
  };
  if (!axis(p.filter_height, p.window.stride_height, p.window.pad_top, input.shape[1],
            output.shape[1]) ||
      !axis(p.filter_width, p.window.stride_width, p.window.pad_left, input.shape[2],
            output.shape[2]))
    return "stride or padding out of range";
  return good(p.clamp, output.type) ? kGood : kClampRange;
}

auto check_mean(ModelView const& model, Operator const& op) -> Fault {
  auto const input = input_of(model, op, 0);
  auto const output = output_of(model, op);
  auto const p = op.params<MeanParams>();
  if (!all_are_whole(model, op)) return kNotWhole;
  auto const reduced = reduced_by(p.axes, input);
  if (reduced == 0) return "axes out of range";
  if (reduced > reduced_max(output.type) || input.elements / reduced != output.elements)
    return kMisfit;
  return good(p.multiplier) ? kGood : kMultiplierRange;
}

auto check_softmax(ModelView const& model, Operator const& op) -> Fault {
  auto const p = op.params<SoftmaxParams>();
  auto const input = input_of(model, op, 0);
  auto const output = output_of(model, op);
  if (op.code() == Opcode::log_softmax && output.type != TensorType::int8) return kNotInt8;
  if (input.type != TensorType::int8 ||
      (output.type != TensorType::int8 && output.type != TensorType::int16))
    return "activations are not int8, or int16 at the output";
  if (input.rank == 0 || !same_shape(input, output)) return kMisfit;
  // The smallest difference that counts, shifted, still fits int32.
  bool const fits = p.diff_min <= 0 && p.multiplier.shift >= 0 && p.multiplier.shift <= 30 &&
                    p.multiplier.value >= 0 && -int64_t{p.diff_min} <= INT64_C(1) << 31 &&
                    -int64_t{p.diff_min} << p.multiplier.shift <= INT64_C(1) << 31;
  return fits ? kGood : kMultiplierRange;
}

}  // namespace godwit::proto::rules
