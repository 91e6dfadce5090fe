// Operators that take dimensions away: MEAN, SUM, REDUCE_MAX, REDUCE_MIN, ARG_MAX, ARG_MIN.
#include <algorithm>
#include <bit>

#include "compiler/lower/rearrange.h"

namespace godwit::compiler {

namespace {

struct Axes {
  int32_t bits = 0;
  int64_t count = 1;  // of elements that become one
};

auto read_axes(Lowering const& lowering, std::vector<uint32_t> const& shape) -> Result<Axes> {
  TRY(auto const numbers, lowering.small_numbers(1));
  Axes axes;
  for (int64_t number : numbers) {
    TRY(auto const d, read_axis(number, shape.size()));
    if (axes.bits >> d & 1) continue;
    axes.bits |= 1 << d;
    axes.count *= shape[d];
  }
  if (axes.bits == 0) return lowering.fail(1, "names no dimension");
  return axes;
}

auto lower_sum_or_mean(Lowering& lowering, bool mean) -> Result<> {
  TRY_VOID(lowering.check_count(2, 2));
  TRY(auto const* output, lowering.output(0, whole_types()));
  TRY(auto const* input, lowering.activation(0, {output->type}));
  TRY(auto const axes, read_axes(lowering, input->shape));
  auto m = quantise_multiplier(real_scale(*input) / real_scale(*output));
  if (mean) {
    // The division by the count goes into the multiplier, truncated as TensorFlow Lite does.
    int32_t const shift = std::min<int32_t>(
        {static_cast<int32_t>(std::bit_width(static_cast<uint64_t>(axes.count))) - 1, 32,
         31 + m.shift});
    m = {static_cast<int32_t>((int64_t{m.value} << shift) / axes.count), m.shift - shift};
  }
  TRY(auto const value, lowering.value(0));
  return lowering.finish(
      {proto::Opcode::mean, {value}, {}, proto::param_words(proto::MeanParams{axes.bits, m})});
}

auto lower_extreme(Lowering& lowering, proto::Opcode code) -> Result<> {
  TRY_VOID(lowering.check_count(2, 2));
  TRY(auto const* input, lowering.activation(0));
  TRY(auto const* output, lowering.output());
  TRY_VOID(lowering.check_same_quantisation(0, *output));
  TRY(auto const axes, read_axes(lowering, input->shape));
  TRY(auto const value, lowering.value(0));
  return lowering.finish({code, {value}, {}, proto::param_words(proto::ReduceParams{axes.bits})});
}

auto lower_arg(Lowering& lowering, proto::Opcode code) -> Result<> {
  TRY_VOID(lowering.check_count(2, 2));
  TRY(auto const* input, lowering.activation(0));
  TRY_VOID(lowering.output(0, {TfliteType::int32}));
  TRY(auto const numbers, lowering.small_numbers(1));
  if (numbers.size() != 1) return lowering.fail(1, "is not one axis");
  TRY(auto const axis, read_axis(numbers[0], input->shape.size()));
  TRY(auto const value, lowering.value(0));
  return lowering.finish(
      {code, {value}, {}, proto::param_words(proto::ArgParams{static_cast<int32_t>(axis)})});
}

}  // namespace

auto lower_mean(Lowering& lowering) -> Result<> {
  return lower_sum_or_mean(lowering, true);
}
auto lower_sum_of(Lowering& lowering) -> Result<> {
  return lower_sum_or_mean(lowering, false);
}
auto lower_reduce_max(Lowering& lowering) -> Result<> {
  return lower_extreme(lowering, proto::Opcode::reduce_max);
}
auto lower_reduce_min(Lowering& lowering) -> Result<> {
  return lower_extreme(lowering, proto::Opcode::reduce_min);
}
auto lower_arg_max(Lowering& lowering) -> Result<> {
  return lower_arg(lowering, proto::Opcode::arg_max);
}
auto lower_arg_min(Lowering& lowering) -> Result<> {
  return lower_arg(lowering, proto::Opcode::arg_min);
}

}  // namespace godwit::compiler
