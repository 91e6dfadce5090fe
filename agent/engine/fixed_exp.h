// Exponentials and what is made of them, in gemmlowp's fixed point (docs/engine.md, "Softmax").
// Names such as q5_26 tell the format: integer bits, fractional bits.
#pragma once

#include "agent/engine/fixed_point.h"

namespace godwit::engine {

constexpr int32_t kOneQ0 = std::numeric_limits<int32_t>::max();  // 1.0 as Q0.31, nearly
/// value * 2^bits, saturated.
inline auto multiply_by_power(int32_t value, int32_t bits) -> int32_t {
  int64_t const product = int64_t{value} << bits;
  return static_cast<int32_t>(std::clamp<int64_t>(product, std::numeric_limits<int32_t>::min(),
                                                  std::numeric_limits<int32_t>::max()));
}

/// exp(a) as Q0.31 for a in [-1/4, 0): the Taylor series around -1/8.
inline auto exp_near_zero(int32_t a_q0_31) -> int32_t {
  constexpr int32_t kExpMinusEighth = 1895147668;
  constexpr int32_t kThird = 715827883;
  int32_t const x = a_q0_31 + (1 << 28);
  int32_t const x2 = multiply_high(x, x);
  int32_t const x3 = multiply_high(x2, x);
  int32_t const x4 = multiply_high(x2, x2);
  int32_t const tail = divide_by_power(multiply_high(divide_by_power(x4, 2) + x3, kThird) + x2, 1);
  return kExpMinusEighth + multiply_high(kExpMinusEighth, x + tail);
}

/// exp(a) as Q0.31 for a <= 0 with so many integer bits, 4 or 5: the fraction by series, each
/// higher bit by a factor.
inline auto exp_of_negative(int32_t a, int32_t integer_bits = 5) -> int32_t {
  // exp(-2^i) as Q0.31, for i = -2, -1, 0, ...
  constexpr int32_t kFactors[] = {1672461947, 1302514674, 790015084, 290630308,
                                  39332535,   720401,     242};
  if (a == 0) return kOneQ0;
  int32_t const quarter = 1 << (29 - integer_bits);
  int32_t const fraction = (a & (quarter - 1)) - quarter;
  int32_t const remainder = wrap_subtract(fraction, a);
  int32_t result = exp_near_zero(multiply_by_power(fraction, integer_bits));
  for (int32_t i = 0; i < integer_bits + 2; ++i)
    if (remainder & (quarter << i)) result = multiply_high(result, kFactors[i]);
  return result;
}

/// 1 / ((1 + a) / 2) as Q2.29 for a in [0, 1): three steps of Newton and Raphson.
inline auto twice_inverse_of_one_plus(int32_t a_q0_31) -> int32_t {
  constexpr int32_t k48Over17 = 1515870810;  // Q2.29
  constexpr int32_t kMinus32Over17 = -1010580540;
  constexpr int32_t kOneQ2 = 1 << 29;
  auto const half = static_cast<int32_t>((int64_t{a_q0_31} + kOneQ0 + 1) / 2);
  int32_t x = k48Over17 + multiply_high(half, kMinus32Over17);
  for (int i = 0; i < 3; ++i) {
    int32_t const rest = kOneQ2 - multiply_high(half, x);
    x += multiply_by_power(multiply_high(x, rest), 2);
  }
  return x;
}

/// 1 / (1 + a) as Q0.31 for a in [0, 1).
inline auto inverse_of_one_plus(int32_t a_q0_31) -> int32_t {
  return multiply_by_power(twice_inverse_of_one_plus(a_q0_31), 1);
}

/// (1 - a) / (1 + a) as Q0.31 for a in [0, 1).
inline auto one_minus_over_one_plus(int32_t a_q0_31) -> int32_t {
  constexpr int32_t kOneQ2 = 1 << 29;
  return multiply_by_power(twice_inverse_of_one_plus(a_q0_31) - kOneQ2, 2);
}

}  // namespace godwit::engine
