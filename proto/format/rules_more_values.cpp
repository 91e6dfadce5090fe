// The rules of operators of two inputs, of tables and edges, of reductions and products.
#include "proto/format/operator_rules.h"

namespace godwit::proto::rules {

namespace {

constexpr uint32_t kResizedMax = 1 << 16;

auto check_pair(ModelView const& model, Operator const& op) -> Fault {
  auto const output = model.tensor(op.output(0));
  if (!all_are_whole(model, op, 2)) return kNotWhole;
  return broadcasts(model.tensor(op.input(0)), output) &&
                 broadcasts(model.tensor(op.input(1)), output)
             ? kGood
             : "shapes do not fit each other";
}

/// Float32 on one side, steps of a scale on the other.
auto check_scaled(Tensor const& real, Tensor const& quantised, Operator const& op) -> Fault {
  auto const scale = std::bit_cast<float>(op.params<ScaleParams>().scale_bits);
  if (real.type != TensorType::float32 || quantised.type == TensorType::float32)
    return "no tensor is float32, or both are";
  if (is_wide_constant(real) || is_wide_constant(quantised)) return kWideConstant;
  if (real.elements != quantised.elements) return "shapes do not fit each other";
  return scale > 0 && scale <= std::numeric_limits<float>::max() ? kGood
                                                                 : "its scale is out of range";
}

}  // namespace

auto check_choice(ModelView const& model, Operator const& op) -> Fault {
  return check_pair(model, op);
}

auto check_lookup(ModelView const& model, Operator const& op) -> Fault {
  auto const input = model.tensor(op.input(0));
  auto const output = model.tensor(op.output(0));
  if (element_bytes(input.type) != 1) return "its input is not of one byte an element";
  if (input.elements != output.elements) return "shapes do not fit each other";
  return is_constant(model.tensor(op.input(1)), output.type, 256)
             ? kGood
             : "its table does not hold 256 values of the output's type";
}

auto check_pair_lookup(ModelView const& model, Operator const& op) -> Fault {
  auto const output = model.tensor(op.output(0));
  if (!all_are(model, op, TensorType::int8, 2)) return kNotInt8;
  if (!broadcasts(model.tensor(op.input(0)), output) ||
      !broadcasts(model.tensor(op.input(1)), output))
    return "an input does not broadcast to the output";
  return is_constant(model.tensor(op.input(2)), TensorType::int8, 1u << 16)
             ? kGood
             : "its table does not hold a value for each pair";
}

auto check_requantize(ModelView const& model, Operator const& op) -> Fault {
  auto const input = model.tensor(op.input(0));
  auto const output = model.tensor(op.output(0));
  if (input.type == TensorType::float32 || output.type == TensorType::float32)
    return "a tensor is not of whole numbers";
  if (is_wide_constant(input)) return kWideConstant;
  if (input.elements != output.elements) return "shapes do not fit each other";
  return good(op.params<RequantizeParams>().multiplier) ? kGood : "a multiplier is out of range";
}

auto check_mul(ModelView const& model, Operator const& op) -> Fault {
  auto const p = op.params<MulParams>();
  if (auto const fault = check_pair(model, op)) return fault;
  if (!good(p.multiplier)) return "a multiplier is out of range";
  // The product of two values minus their zero points fits int32.
  auto const output = model.tensor(op.output(0));
  if (output.type == TensorType::int16 &&
      (model.tensor(op.input(0)).zero_point || model.tensor(op.input(1)).zero_point))
    return "int16 has a zero point";
  return good(p.clamp, output.type) ? kGood : "clamp out of range";
}

auto check_prelu(ModelView const& model, Operator const& op) -> Fault {
  auto const p = op.params<PreluParams>();
  if (!all_are(model, op, TensorType::int8, 2)) return kNotInt8;
  if (auto const fault = check_pair(model, op)) return fault;
  return good(p.positive) && good(p.negative) ? kGood : "a multiplier is out of range";
}

auto check_reduce(ModelView const& model, Operator const& op) -> Fault {
  auto const input = model.tensor(op.input(0));
  auto const axes = op.params<ReduceParams>().axes;
  if (!all_are(model, op, TensorType::int8)) return kNotInt8;
  if (axes <= 0 || axes >= 1 << input.rank) return "axes out of range";
  uint32_t reduced = 1;
  for (uint32_t d = 0; d < input.rank; ++d)
    if (axes >> d & 1) reduced *= input.shape[d];
  return input.elements / reduced == model.tensor(op.output(0)).elements
             ? kGood
             : "shapes do not fit each other";
}

auto check_arg(ModelView const& model, Operator const& op) -> Fault {
  auto const input = model.tensor(op.input(0));
  auto const output = model.tensor(op.output(0));
  auto const p = op.params<ArgParams>();
  if (input.type != TensorType::int8 || output.type != TensorType::int32)
    return "its input is not int8 or its output not int32";
  if (p.axis < 0 || p.axis >= static_cast<int32_t>(input.rank)) return "axis out of range";
  return input.elements / input.shape[static_cast<size_t>(p.axis)] == output.elements
             ? kGood
             : "shapes do not fit each other";
}

auto check_resize_bilinear(ModelView const& model, Operator const& op) -> Fault {
  auto const input = model.tensor(op.input(0));
  auto const output = model.tensor(op.output(0));
  auto const p = op.params<ResizeParams>();
  if (!all_are(model, op, TensorType::int8)) return kNotInt8;
  if (input.rank != 4 || output.rank != 4) return "a tensor is not of rank 4";
  if (input.shape[0] != output.shape[0] || input.shape[3] != output.shape[3])
    return "shapes do not fit each other";
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
  auto const input = model.tensor(op.input(0));
  if (!all_are(model, op, TensorType::int8) && !all_are(model, op, TensorType::uint8))
    return "activations are not int8, nor uint8";
  return input.rank > 0 && same_shape(input, model.tensor(op.output(0)))
             ? kGood
             : "shapes do not fit each other";
}

auto check_batch_matmul(ModelView const& model, Operator const& op) -> Fault {
  auto a = model.tensor(op.input(0));
  auto b = model.tensor(op.input(1));
  auto const output = model.tensor(op.output(0));
  auto const p = op.params<BatchMatmulParams>();
  bool const wide = output.type == TensorType::int16;
  if (!all_are_whole(model, op, 2)) return kNotWhole;
  if (a.rank < 2 || b.rank < 2 || output.rank < 2 || a.rank > output.rank || b.rank > output.rank)
    return "shapes do not fit each other";
  if (!within(p.transpose_first, 0, 1) || !within(p.transpose_second, 0, 1))
    return "a parameter is no boolean";
  auto const rows = a.shape[a.rank - (p.transpose_first ? 1 : 2)];
  auto const depth = a.shape[a.rank - (p.transpose_first ? 2 : 1)];
  auto const columns = b.shape[b.rank - (p.transpose_second ? 2 : 1)];
  if (depth != b.shape[b.rank - (p.transpose_second ? 1 : 2)] ||
      rows != output.shape[output.rank - 2] || columns != output.shape[output.rank - 1])
    return "shapes do not fit each other";
  for (uint32_t k = 1; k <= 2; ++k) {  // What is left are batches, which broadcast.
    a.shape[a.rank - k] = 1;
    b.shape[b.rank - k] = 1;
  }
  if (!broadcasts(a, output) || !broadcasts(b, output)) return "shapes do not fit each other";
  if (!good(p.multiplier) || (wide && p.multiplier.shift > kWideShiftMax))
    return "a multiplier is out of range";
  // Products of int16 have 31 bits each: so many have a sum below 2^46.
  if (wide && (depth > 1u << 15 || a.zero_point || b.zero_point || output.zero_point))
    return "int16 has a zero point, or too many products";
  return good(p.clamp, output.type) ? kGood : "clamp out of range";
}

auto check_quantize(ModelView const& model, Operator const& op) -> Fault {
  return check_scaled(model.tensor(op.input(0)), model.tensor(op.output(0)), op);
}

auto check_dequantize(ModelView const& model, Operator const& op) -> Fault {
  return check_scaled(model.tensor(op.output(0)), model.tensor(op.input(0)), op);
}

auto check_sigmoid(ModelView const& model, Operator const& op) -> Fault {
  auto const p = op.params<SigmoidParams>();
  if (!all_are(model, op, TensorType::int16)) return "activations are not int16";
  if (is_wide_constant(model.tensor(op.input(0)))) return kWideConstant;
  if (model.tensor(op.input(0)).elements != model.tensor(op.output(0)).elements)
    return "shapes do not fit each other";
  return within(p.multiplier, 0, 32767) && within(p.shift, 0, 29) ? kGood
                                                                  : "a multiplier is out of range";
}

}  // namespace godwit::proto::rules
