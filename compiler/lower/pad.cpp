// PAD, PADV2 and MIRROR_PAD: an input within fillers, or within its own image.
#include <algorithm>

#include "compiler/lower/lower.h"
#include "compiler/lower/rearrange.h"

namespace godwit::compiler {

namespace {

struct PadAmounts {
  std::vector<int64_t> before, after;
};

auto read_paddings(Lowering const& lowering, TfliteTensor const& input) -> Result<PadAmounts> {
  TRY(auto const numbers, lowering.small_numbers(1));
  if (numbers.size() != 2 * input.shape.size())
    return lowering.fail(1, "does not hold two paddings for each dimension");
  PadAmounts out;
  for (size_t d = 0; d < input.shape.size(); ++d) {
    for (size_t k : {2 * d, 2 * d + 1})
      if (numbers[k] < 0 || numbers[k] > proto::kTensorBytesMax)
        return lowering.fail(1, "holds a padding out of range");
    out.before.push_back(numbers[2 * d]);
    out.after.push_back(numbers[2 * d + 1]);
  }
  return out;
}

/// PAD or PADV2 by a REARRANGE: input 0 within fillers, by the paddings of input 1.
auto finish_pad(Lowering& lowering, std::optional<int32_t> filler) -> Result<> {
  TRY(auto const source, read_source(lowering, 0));
  TRY(auto const amounts, read_paddings(lowering, *source.tensor));
  TRY(auto const* output, lowering.output(0, all_types()));
  auto const& shape = source.tensor->shape;
  auto const strides = strides_of(shape);
  if (output->shape.size() != shape.size()) return invalid("has an output of another rank");
  Moves moves;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (amounts.before[d] + amounts.after[d] + int64_t{shape[d]} != output->shape[d])
      return lowering.fail(1, "does not lead to the shape of the output");
    auto& axis = moves.emplace_back(static_cast<size_t>(amounts.before[d]), kOutside);
    auto const inner = steps(shape[d], 0, 1, strides[d]);
    axis.insert(axis.end(), inner.begin(), inner.end());
    axis.resize(output->shape[d], kOutside);
  }
  bool const plain = output->zero_points.empty();
  return finish_rearrange(lowering, source.value, moves,
                          filler.value_or(plain ? 0 : zero_point(*output)));
}

}  // namespace

auto lower_pad(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(2, 2));
  if (lowering.input_type(0) != TfliteType::int8) return finish_pad(lowering, std::nullopt);
  TRY(auto const* input, lowering.activation(0));
  TRY(auto const* output, lowering.output());
  TRY_VOID(lowering.check_same_quantisation(0, *output));
  TRY(auto const paddings, lowering.small_numbers(1));
  size_t const rank = input->shape.size();
  if (paddings.size() != 2 * rank || output->shape.size() != rank)
    return lowering.fail(1, "does not hold two paddings for each dimension");
  proto::PadParams params{};
  for (size_t d = 0; d < rank; ++d) {
    int64_t const before = paddings[2 * d];
    int64_t const after = paddings[2 * d + 1];
    if (before < 0 || after < 0 || before > proto::kTensorBytesMax ||
        after > proto::kTensorBytesMax || before + input->shape[d] + after != output->shape[d])
      return lowering.fail(1, "does not lead to the shape of the output");
    params.before[d] = static_cast<int32_t>(before);
  }
  params.value = zero_point(*output);
  TRY(auto const value, lowering.value(0));
  return lowering.finish({proto::Opcode::pad, {value}, {}, proto::param_words(params)});
}

auto lower_padv2(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(3, 3));
  TRY(auto const* value, lowering.constant(2, lowering.input_type(0)));
  if (value->elements != 1) return lowering.fail(2, "is not one value");
  uint32_t bits = 0;
  for (size_t i = value->data.size(); i-- > 0;) bits = bits << 8 | value->data[i];
  return finish_pad(lowering, static_cast<int32_t>(bits));
}

auto lower_mirror_pad(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(2, 2));
  TRY(auto const source, read_source(lowering, 0));
  TRY(auto const amounts, read_paddings(lowering, *source.tensor));
  TRY(auto const mode, lowering.option_byte(0));  // 0: without the border itself, 1: with it
  int64_t const skip = mode == 0 ? 1 : 0;
  auto const& shape = source.tensor->shape;
  auto const strides = strides_of(shape);
  Moves moves;
  for (size_t d = 0; d < shape.size(); ++d) {
    int64_t const count = shape[d];
    if (std::max(amounts.before[d], amounts.after[d]) > count - skip)
      return lowering.fail(1, "holds more than there is to mirror");
    auto& axis = moves.emplace_back();
    for (int64_t i = -amounts.before[d]; i < count + amounts.after[d]; ++i) {
      int64_t const low = i < 0 ? -i - 1 + skip : i;
      int64_t const at = low >= count ? 2 * count - 1 - skip - low : low;
      axis.push_back(static_cast<uint32_t>(at * strides[d]));
    }
  }
  return finish_rearrange(lowering, source.value, moves);
}

}  // namespace godwit::compiler
