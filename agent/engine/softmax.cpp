// SOFTMAX over the last dimension, in gemmlowp's fixed point (docs/engine.md, "Softmax").
// Names such as q5_26 tell the format: integer bits, fractional bits.
#include <algorithm>
#include <bit>
#include <limits>

#include "agent/engine/fixed_point.h"
#include "agent/engine/kernel.h"

namespace godwit::engine {

namespace {

constexpr int32_t kOne = std::numeric_limits<int32_t>::max();  // 1.0 as Q0.31, nearly
constexpr int32_t kSumIntegerBits = 12;

/// value * 2^bits, saturated.
auto multiply_by_power(int32_t value, int32_t bits) -> int32_t {
  int64_t const product = int64_t{value} << bits;
  return static_cast<int32_t>(std::clamp<int64_t>(product, std::numeric_limits<int32_t>::min(),
                                                  std::numeric_limits<int32_t>::max()));
}

/// exp(a) as Q0.31 for a in [-1/4, 0): the Taylor series around -1/8.
auto exp_near_zero(int32_t a_q0_31) -> int32_t {
  constexpr int32_t kExpMinusEighth = 1895147668;
  constexpr int32_t kThird = 715827883;
  int32_t const x = a_q0_31 + (1 << 28);
  int32_t const x2 = multiply_high(x, x);
  int32_t const x3 = multiply_high(x2, x);
  int32_t const x4 = multiply_high(x2, x2);
  int32_t const tail = divide_by_power(multiply_high(divide_by_power(x4, 2) + x3, kThird) + x2, 1);
  return kExpMinusEighth + multiply_high(kExpMinusEighth, x + tail);
}

/// exp(a) as Q0.31 for a <= 0: the fraction by series, each higher bit by a factor.
auto exp_of_negative(int32_t a_q5_26) -> int32_t {
  // exp(-2^i) as Q0.31, for i = -2, -1, 0, ...
  constexpr int32_t kFactors[] = {1672461947, 1302514674, 790015084, 290630308,
                                  39332535,   720401,     242};
  if (a_q5_26 == 0) return kOne;
  constexpr int32_t kQuarter = 1 << 24;
  int32_t const fraction = (a_q5_26 & (kQuarter - 1)) - kQuarter;
  int32_t const remainder = wrap_subtract(fraction, a_q5_26);
  int32_t result = exp_near_zero(multiply_by_power(fraction, 5));
  for (int32_t i = 0; i < 7; ++i)
    if (remainder & (kQuarter << i)) result = multiply_high(result, kFactors[i]);
  return result;
}

/// 1 / (1 + a) as Q0.31 for a in [0, 1): three steps of Newton and Raphson.
auto inverse_of_one_plus(int32_t a_q0_31) -> int32_t {
  constexpr int32_t k48Over17 = 1515870810;  // Q2.29
  constexpr int32_t kMinus32Over17 = -1010580540;
  constexpr int32_t kOneQ2 = 1 << 29;
  auto const half = static_cast<int32_t>((int64_t{a_q0_31} + kOne + 1) / 2);
  int32_t x = k48Over17 + multiply_high(half, kMinus32Over17);
  for (int i = 0; i < 3; ++i) {
    int32_t const rest = kOneQ2 - multiply_high(half, x);
    x += multiply_by_power(multiply_high(x, rest), 2);
  }
  return multiply_by_power(x, 1);
}

void softmax_row(int8_t const* in, int8_t* out, int32_t count, proto::SoftmaxParams const& p) {
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
  auto const sum = static_cast<uint32_t>(std::min<int64_t>(total, kOne));
  int32_t const headroom = std::countl_zero(sum);
  int32_t const shift = kSumIntegerBits - headroom + 31 - 8;
  int32_t const inverse = inverse_of_one_plus(static_cast<int32_t>((sum << headroom) - (1u << 31)));
  for (int32_t i = 0; i < count; ++i) {
    int32_t const diff = in[i] - highest;
    if (diff < p.diff_min) {
      out[i] = -128;
      continue;
    }
    int32_t const value =
        shift > 31 ? 0 : divide_by_power(multiply_high(inverse, exponential(diff)), shift);
    out[i] = static_cast<int8_t>(std::clamp(value - 128, -128, 127));
  }
}

}  // namespace

void softmax(Step const& step, void*) {
  auto const p = step.op.params<proto::SoftmaxParams>();
  auto const& shape = step.inputs[0].shape;
  int32_t const count = shape[static_cast<size_t>(shape.rank - 1)];
  for (int32_t i = 0; i < shape.elements; i += count)
    softmax_row(step.inputs[0].int8() + i, step.output().int8() + i, count, p);
}

}  // namespace godwit::engine
