// SOFTMAX over the last dimension, in gemmlowp's fixed point (docs/engine.md, "Softmax").
// Names such as q5_26 tell the format: integer bits, fractional bits.
#include <algorithm>
#include <bit>
#include <limits>

#include "agent/engine/fixed_exp.h"
#include "agent/engine/kernel.h"

namespace godwit::engine {

namespace {

constexpr int32_t kSumIntegerBits = 12;

template <typename Out>
void softmax_row(int8_t const* in, Out* out, int32_t count, proto::SoftmaxParams const& p) {
  constexpr int32_t kLow = std::numeric_limits<Out>::min();
  constexpr int32_t kHigh = std::numeric_limits<Out>::max();
  int32_t const highest = *std::max_element(in, in + count);
  auto const exponential = [&](int32_t diff) {
    return exp_of_negative(
        multiply_high(wrap_shift_left(diff, p.multiplier.shift), p.multiplier.value));
  };
  int64_t total = 0;  // Q12.19
  for (int32_t i = 0; i < count; ++i) {
    int32_t const diff = in[i] - highest;
    if (diff >= p.diff_min) total += divide_by_power(exponential(diff), kSumIntegerBits);
  }
  auto const sum = static_cast<uint32_t>(std::min<int64_t>(total, kOneQ0));
  int32_t const headroom = std::countl_zero(sum);
  int32_t const shift = kSumIntegerBits - headroom + 31 - 8 * static_cast<int32_t>(sizeof(Out));
  int32_t const inverse = inverse_of_one_plus(static_cast<int32_t>((sum << headroom) - (1u << 31)));
  for (int32_t i = 0; i < count; ++i) {
    int32_t const diff = in[i] - highest;
    if (diff < p.diff_min) {
      out[i] = kLow;
      continue;
    }
    int32_t const value =
        shift > 31 ? 0 : divide_by_power(multiply_high(inverse, exponential(diff)), shift);
    out[i] = static_cast<Out>(std::clamp(value + kLow, kLow, kHigh));
  }
}

}  // namespace

void softmax(Step const& step, void*) {
  auto const p = step.op.params<proto::SoftmaxParams>();
  auto const& shape = step.inputs[0].shape;
  int32_t const count = shape[static_cast<size_t>(shape.rank - 1)];
  auto const* const in = step.inputs[0].int8();
  auto const& output = step.output();
  if (output.type == proto::TensorType::int16) {
    for (int32_t i = 0; i < shape.elements; i += count)
      softmax_row(in + i, output.int16() + i, count, p);
  } else {
    for (int32_t i = 0; i < shape.elements; i += count)
      softmax_row(in + i, output.int8() + i, count, p);
  }
}

}  // namespace godwit::engine
