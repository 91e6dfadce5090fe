// QUANTIZE, DEQUANTIZE and CAST: between types and scales.
#include <algorithm>
#include <bit>

#include "compiler/lower/rearrange.h"
#include "compiler/lower/unary.h"

namespace godwit::compiler {

namespace {

struct Change {
  TfliteTensor const* input;
  TfliteTensor const* output;
};

auto read_change(Lowering& lowering) -> Result<Change> {
  TRY_VOID(lowering.check_count(1, 1));
  TRY(auto const* input, lowering.activation(0, all_types()));
  TRY(auto const* output, lowering.output(0, all_types()));
  if (input->elements != output->elements) return lowering.fail(0, "does not fit the output");
  return Change{input, output};
}

/// Float32 on one side, steps of the scale of `quantised` on the other.
auto finish_scaled(Lowering& lowering, proto::Opcode code, TfliteTensor const& quantised)
    -> Result<> {
  if (quantised.scales.size() != 1) return lowering.fail(0, "or the output has no scale");
  TRY(auto const value, lowering.value(0));
  proto::ScaleParams const params{std::bit_cast<int32_t>(quantised.scales[0])};
  return lowering.finish({code, {value}, {}, proto::param_words(params)});
}

}  // namespace

auto lower_quantize(Lowering& lowering) -> Result<> {
  TRY(auto const change, read_change(lowering));
  auto const& [input, output] = change;
  if (output->type == TfliteType::float32) return invalid("has an output of float32");
  if (input->type == TfliteType::float32)
    return finish_scaled(lowering, proto::Opcode::quantize, *output);
  if (input->scales.size() != 1 || output->scales.size() != 1)
    return lowering.fail(0, "or the output has no scale");
  if (one_byte(input->type))
    return lower_table(lowering, *input, *output, requantise(*input, *output, lowering.rounding()));
  proto::RequantizeParams const params{
      quantise_multiplier(real_scale(*input) / real_scale(*output))};
  TRY(auto const value, lowering.value(0));
  return lowering.finish({proto::Opcode::requantize, {value}, {}, proto::param_words(params)});
}

auto lower_dequantize(Lowering& lowering) -> Result<> {
  TRY(auto const change, read_change(lowering));
  auto const& [input, output] = change;
  if (output->type != TfliteType::float32 || input->type == TfliteType::float32)
    return lowering.fail(0, "is float32, or the output is not");
  return finish_scaled(lowering, proto::Opcode::dequantize, *input);
}

/// Numbers as they are, whatever their scales: TensorFlow Lite casts what is stored.
auto lower_cast(Lowering& lowering) -> Result<> {
  TRY(auto const change, read_change(lowering));
  auto const& [input, output] = change;
  if (input->type == output->type) {
    TRY(auto const value, lowering.value(0));
    return lowering.finish({proto::Opcode::reshape, {value}, {}, {}});
  }
  if (!one_byte(input->type)) {
    TRY(auto const value, lowering.value(0));
    return lowering.finish({proto::Opcode::cast, {value}, {}, {}});
  }
  bool const to_signed = output->type == TfliteType::int8;
  return lower_table(lowering, *input, *output, [=](int32_t value) -> double {
    return to_signed ? static_cast<int8_t>(value) : value;
  });
}

}  // namespace godwit::compiler
