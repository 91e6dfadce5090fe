// LOG_SOFTMAX over the last dimension, in gemmlowp's fixed point (docs/engine.md, "Softmax"):
// differences and logarithms in Q5.26, the sum of exponentials in Q12.19.
#include <algorithm>
#include <bit>

#include "agent/engine/fixed_exp.h"
#include "agent/engine/operators/operators.h"

namespace godwit::engine {

namespace {

constexpr int32_t kSumIntegerBits = 12;

/// The natural logarithm as Q5.26 of a positive Q12.19: that of a power of two, or of one and a
/// half of it, whichever is nearer, and a ratio of polynomials for the rest r around the fourth
/// root of a half. In between there are six bits before the point.
auto log_of(int32_t x) -> int32_t {
  constexpr int32_t kLog2 = 1488522236;  // all as Q0.31
  constexpr int32_t kRootOfHalf = 1518500250;
  constexpr int32_t kFourthRootOfHalf = 1805811301;
  constexpr int32_t kNumerator = 117049297;    // 11 / 240 times the fourth root of two
  constexpr int32_t kDenominator = 127690142;  // 1 / 20, likewise
  constexpr int32_t kDenominator0 = 1057819769;
  constexpr int32_t kDenominator1 = 638450708;  // 1 / 4, likewise
  constexpr int32_t kPowerBits = 25;
  constexpr int32_t kQuarter = 1 << (kPowerBits - 2);
  int32_t const leading = std::countl_zero(static_cast<uint32_t>(x));
  int32_t const leading_b =
      std::countl_zero(static_cast<uint32_t>(multiply_high(x, kRootOfHalf))) - 1;
  int32_t const r =
      std::min(multiply_by_power(multiply_high(multiply_by_power(x, leading - 1), kRootOfHalf), 1),
               multiply_by_power(x, leading_b));
  int32_t const power = std::max((kSumIntegerBits - leading) * (1 << kPowerBits) + kQuarter,
                                 (kSumIntegerBits - leading_b) * (1 << kPowerBits) - kQuarter);
  auto const half_sum = static_cast<int32_t>((int64_t{r} + kFourthRootOfHalf + 1) / 2);
  int32_t const q = wrap_shift_left(wrap_subtract(r, kFourthRootOfHalf), 1);
  int32_t const q2 = multiply_high(q, q);
  int32_t const numerator =
      wrap_add(multiply_high(q, r), multiply_high(multiply_high(q, q2), kNumerator));
  int32_t const denominator =
      wrap_add(multiply_high(half_sum,
                             wrap_add(wrap_add(kDenominator0, q), multiply_high(kDenominator, q2))),
               multiply_high(kDenominator1, q));
  int32_t const rest =
      multiply_high(divide_by_power(numerator, 6), inverse_of_one_plus(denominator));
  return multiply_by_power(wrap_add(multiply_high(power, kLog2), rest), 1);
}

void log_softmax_row(int8_t const* in, int8_t* out, int32_t count, proto::SoftmaxParams const& p) {
  constexpr int32_t kOutputBits = 22;  // from Q5.26 to sixteenths
  int32_t const highest = *std::max_element(in, in + count);
  auto const scaled = [&](int32_t diff) {
    return multiply_high(wrap_shift_left(diff, p.multiplier.shift), p.multiplier.value);
  };
  int64_t sum = 0;
  for (int32_t i = 0; i < count; ++i) {
    int32_t const diff = in[i] - highest;
    if (diff >= p.diff_min) sum += divide_by_power(exp_of_negative(scaled(diff)), kSumIntegerBits);
  }
  int32_t const log_sum = log_of(static_cast<int32_t>(std::min<int64_t>(sum, kOneQ0)));
  for (int32_t i = 0; i < count; ++i) {
    int32_t const diff = in[i] - highest;
    int64_t const value = diff < p.diff_min ? INT32_MIN : int64_t{scaled(diff)} - log_sum;
    // What does not fit Q5.26 is far below the lowest output.
    auto const bounded = static_cast<int32_t>(std::max<int64_t>(value, INT32_MIN));
    out[i] =
        static_cast<int8_t>(std::clamp(divide_by_power(bounded, kOutputBits) + 127, -128, 127));
  }
}

}  // namespace

void log_softmax(Step const& step, void*) {
  auto const p = step.op.params<proto::SoftmaxParams>();
  auto const& shape = step.inputs[0].shape;
  int32_t const count = shape[static_cast<size_t>(shape.rank - 1)];
  for (int32_t i = 0; i < shape.elements; i += count)
    log_softmax_row(step.inputs[0].int8() + i, step.output().int8() + i, count, p);
}

}  // namespace godwit::engine
