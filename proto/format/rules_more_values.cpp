// The rules of operators of two inputs, of tables and edges, of reductions and products.
#include "proto/format/operator_rules.h"

namespace godwit::proto::rules {

namespace {

constexpr uint32_t kResizedMax = 1 << 16;

/// Float32 on one side, steps of a scale on the other.
auto check_scaled(Tensor const& real, Tensor const& quantised, Operator const& op) -> Fault {
  auto const scale = std::bit_cast<float>(op.params<ScaleParams>().scale_bits);
  if (real.type != TensorType::float32 || quantised.type == TensorType::float32)
    return "no tensor is float32, or both are";
  if (is_wide_constant(real) || is_wide_constant(quantised)) return kWideConstant;
  if (real.elements != quantised.elements) return kMisfit;
  return scale > 0 && scale <= std::numeric_limits<float>::max() ? kGood
                                                                 : "its scale is out of range";
}

}  // namespace

auto check_pair(ModelView const& model, Operator const& op) -> Fault {
  auto const output = output_of(model, op);
  if (!all_are_whole(model, op, 2)) return kNotWhole;
  return broadcasts(input_of(model, op, 0), output) && broadcasts(input_of(model, op, 1), output)
             ? kGood
             : kMisfit;
}

auto check_lookup(ModelView const& model, Operator const& op) -> Fault {
  auto const input = input_of(model, op, 0);
  auto const output = output_of(model, op);
  if (element_bytes(input.type) != 1) return "its input is not of one byte an element";
  if (input.elements != output.elements) return kMisfit;
  return is_constant(input_of(model, op, 1), output.type, 256)
             ? kGood
             : "its table does not hold 256 values of the output's type";
}

auto check_pair_lookup(ModelView const& model, Operator const& op) -> Fault {
  auto const output = output_of(model, op);
  if (!all_are(model, op, TensorType::int8, 2)) return kNotInt8;
  if (!broadcasts(input_of(model, op, 0), output) || !broadcasts(input_of(model, op, 1), output))
    return "an input does not broadcast to the output";
  return is_constant(input_of(model, op, 2), TensorType::int8, 1u << 16)
             ? kGood
             : "its table does not hold a value for each pair";
}

auto check_requantize(ModelView const& model, Operator const& op) -> Fault {
  auto const input = input_of(model, op, 0);
  auto const output = output_of(model, op);
  if (input.type == TensorType::float32 || output.type == TensorType::float32)
    return "a tensor is not of whole numbers";
  if (is_wide_constant(input)) return kWideConstant;
  if (input.elements != output.elements) return kMisfit;
  return good(op.params<RequantizeParams>().multiplier) ? kGood : kMultiplierRange;
}

auto check_mul(ModelView const& model, Operator const& op) -> Fault {
  auto const p = op.params<MulParams>();
  if (auto const fault = check_pair(model, op)) return fault;
  if (!good(p.multiplier)) return kMultiplierRange;
  // The product of two values minus their zero points fits int32.
  auto const output = output_of(model, op);
  if (output.type == TensorType::int16 &&
      (input_of(model, op, 0).zero_point || input_of(model, op, 1).zero_point))
    return "int16 has a zero point";
  return good(p.clamp, output.type) ? kGood : kClampRange;
}

auto check_prelu(ModelView const& model, Operator const& op) -> Fault {
  auto const p = op.params<PreluParams>();
  if (!all_are(model, op, TensorType::int8, 2)) return kNotInt8;
  if (auto const fault = check_pair(model, op)) return fault;
  return good(p.positive) && good(p.negative) ? kGood : kMultiplierRange;
}

auto check_reduce(ModelView const& model, Operator const& op) -> Fault {
  auto const input = input_of(model, op, 0);
  auto const reduced = reduced_by(op.params<ReduceParams>().axes, input);
  if (!all_are(model, op, TensorType::int8)) return kNotInt8;
  if (reduced == 0) return "axes out of range";
  return input.elements / reduced == output_of(model, op).elements ? kGood : kMisfit;
}

auto check_arg(ModelView const& model, Operator const& op) -> Fault {
  auto const input = input_of(model, op, 0);
  auto const output = output_of(model, op);
  auto const p = op.params<ArgParams>();
  if (input.type != TensorType::int8 || output.type != TensorType::int32)
    return "its input is not int8 or its output not int32";
  if (p.axis < 0 || p.axis >= static_cast<int32_t>(input.rank)) return "axis out of range";
  return input.elements / input.shape[static_cast<size_t>(p.axis)] == output.elements ? kGood
                                                                                      : kMisfit;
}

auto check_resize_bilinear(ModelView const& model, Operator const& op) -> Fault {
  auto const input = input_of(model, op, 0);
  auto const output = output_of(model, op);
  auto const p = op.params<ResizeParams>();
  if (!all_are(model, op, TensorType::int8)) return kNotInt8;
  if (input.rank != 4 || output.rank != 4) return kNotRank4;
  if (input.shape[0] != output.shape[0] || input.shape[3] != output.shape[3]) return kMisfit;
  // No coordinate overflows, and fractions stay where products of two of them fit.
  auto const axis = [](int32_t scale, uint32_t in, uint32_t out) {
    return scale >= 0 && out <= kResizedMax &&
           uint64_t{std::max(out - 1, 1u)} * static_cast<uint32_t>(scale) <=
               (uint64_t{in} << 10) + out;
  };
  if (!axis(p.height_scale, input.shape[1], output.shape[1]) ||
      !axis(p.width_scale, input.shape[2], output.shape[2]) || !within(p.half_pixel_centers, 0, 1))
    return "a scale is out of range";
  return kGood;
}

auto check_l2_normalization(ModelView const& model, Operator const& op) -> Fault {
  auto const input = input_of(model, op, 0);
  if (!all_are(model, op, TensorType::int8) && !all_are(model, op, TensorType::uint8))
    return "activations are not int8, nor uint8";
  return input.rank > 0 && same_shape(input, output_of(model, op)) ? kGood : kMisfit;
}

auto check_batch_matmul(ModelView const& model, Operator const& op) -> Fault {
  auto a = input_of(model, op, 0);
  auto b = input_of(model, op, 1);
  auto const output = output_of(model, op);
  auto const p = op.params<BatchMatmulParams>();
  bool const wide = output.type == TensorType::int16;
  if (!all_are_whole(model, op, 2)) return kNotWhole;
  if (a.rank < 2 || b.rank < 2 || output.rank < 2 || a.rank > output.rank || b.rank > output.rank)
    return kMisfit;
  if (!within(p.transpose_first, 0, 1) || !within(p.transpose_second, 0, 1))
    return "a parameter is no boolean";
  auto const rows = a.shape[a.rank - (p.transpose_first ? 1 : 2)];
  auto const depth = a.shape[a.rank - (p.transpose_first ? 2 : 1)];
  auto const columns = b.shape[b.rank - (p.transpose_second ? 2 : 1)];
  if (depth != b.shape[b.rank - (p.transpose_second ? 1 : 2)] ||
      rows != output.shape[output.rank - 2] || columns != output.shape[output.rank - 1])
    return kMisfit;
  for (uint32_t k = 1; k <= 2; ++k) {  // What is left are batches, which broadcast.
    a.shape[a.rank - k] = 1;
    b.shape[b.rank - k] = 1;
  }
  if (!broadcasts(a, output) || !broadcasts(b, output)) return kMisfit;
  if (!good(p.multiplier) || (wide && p.multiplier.shift > kWideShiftMax)) return kMultiplierRange;
  // Products of int16 have 31 bits each: so many have a sum below 2^46.
  if (wide && (depth > 1u << 15 || a.zero_point || b.zero_point || output.zero_point))
    return "int16 has a zero point, or too many products";
  return good(p.clamp, output.type) ? kGood : kClampRange;
}

auto check_quantize(ModelView const& model, Operator const& op) -> Fault {
  return check_scaled(input_of(model, op, 0), output_of(model, op), op);
}

auto check_dequantize(ModelView const& model, Operator const& op) -> Fault {
  return check_scaled(output_of(model, op), input_of(model, op, 0), op);
}

auto check_sigmoid(ModelView const& model, Operator const& op) -> Fault {
  auto const p = op.params<SigmoidParams>();
  if (!all_are(model, op, TensorType::int16)) return kNotInt16;
  if (is_wide_constant(input_of(model, op, 0))) return kWideConstant;
  if (input_of(model, op, 0).elements != output_of(model, op).elements) return kMisfit;
  return within(p.multiplier, 0, 32767) && within(p.shift, 0, 29) ? kGood : kMultiplierRange;
}

}  // namespace godwit::proto::rules
