#include "compiler/lower/real_functions.h"

#include <algorithm>
#include <cmath>

namespace godwit::compiler {

namespace {

/// Beyond these the reference does not divide.
auto logistic(float x) -> float {
  if (x > 16.619047164916992188f) return 1.0f;
  if (x < -9.0f) return std::exp(x);
  return 1.0f / (1.0f + std::exp(-x));
}

/// Halves to even.
auto rounded(float x) -> float {
  float const below = std::floor(x);
  float const rest = x - below;
  bool const stays = rest < 0.5f || (rest == 0.5f && std::fmod(below, 2.0f) == 0);
  return stays ? below : below + 1.0f;
}

auto floor_mod(float a, float b) -> float {
  float const rest = std::fmod(a, b);
  return rest != 0 && (b < 0) != (rest < 0) ? rest + b : rest;
}

auto truth(bool value) -> float {
  return value ? 1.0f : 0.0f;
}

using In = RealInputs const&;
constexpr RealOperator kOperators[] = {
    {TfliteCode::abs, 1, [](In x) { return std::abs(x[0]); }},
    {TfliteCode::neg, 1, [](In x) { return -x[0]; }},
    {TfliteCode::square, 1, [](In x) { return x[0] * x[0]; }},
    {TfliteCode::sqrt, 1, [](In x) { return std::sqrt(x[0]); }},
    {TfliteCode::rsqrt, 1, [](In x) { return 1.0f / std::sqrt(x[0]); }},
    {TfliteCode::exp, 1, [](In x) { return std::exp(x[0]); }},
    {TfliteCode::log, 1, [](In x) { return std::log(x[0]); }},
    {TfliteCode::sin, 1, [](In x) { return std::sin(x[0]); }},
    {TfliteCode::cos, 1, [](In x) { return std::cos(x[0]); }},
    {TfliteCode::floor, 1, [](In x) { return std::floor(x[0]); }},
    {TfliteCode::ceil, 1, [](In x) { return std::ceil(x[0]); }},
    {TfliteCode::round, 1, [](In x) { return rounded(x[0]); }},
    {TfliteCode::sign, 1, [](In x) { return truth(x[0] > 0) - truth(x[0] < 0); }},
    {TfliteCode::elu, 1, [](In x) { return x[0] < 0 ? std::expm1(x[0]) : x[0]; }},
    {TfliteCode::logistic, 1, [](In x) { return logistic(x[0]); }},
    {TfliteCode::tanh, 1, [](In x) { return std::tanh(x[0]); }},
    {TfliteCode::relu, 1, [](In x) { return std::max(x[0], 0.0f); }},
    {TfliteCode::relu6, 1, [](In x) { return std::min(std::max(x[0], 0.0f), 6.0f); }},
    {TfliteCode::relu_n1_to_1, 1, [](In x) { return std::min(std::max(x[0], -1.0f), 1.0f); }},
    {TfliteCode::relu_0_to_1, 1, [](In x) { return std::min(std::max(x[0], 0.0f), 1.0f); }},
    {TfliteCode::hard_swish, 1,
     [](In x) { return x[0] * std::min(6.0f, std::max(0.0f, x[0] + 3.0f)) / 6.0f; }},
    {TfliteCode::logical_not, 1, [](In x) { return truth(x[0] == 0); }},
    {TfliteCode::add, 2, [](In x) { return x[0] + x[1]; }, true},
    {TfliteCode::sub, 2, [](In x) { return x[0] - x[1]; }, true},
    {TfliteCode::mul, 2, [](In x) { return x[0] * x[1]; }, true},
    {TfliteCode::div, 2, [](In x) { return x[0] / x[1]; }, true},
    {TfliteCode::maximum, 2, [](In x) { return x[0] > x[1] ? x[0] : x[1]; }},
    {TfliteCode::minimum, 2, [](In x) { return x[0] < x[1] ? x[0] : x[1]; }},
    {TfliteCode::pow, 2, [](In x) { return std::pow(x[0], x[1]); }},
    {TfliteCode::squared_difference, 2, [](In x) { return (x[0] - x[1]) * (x[0] - x[1]); }},
    {TfliteCode::prelu, 2, [](In x) { return x[0] >= 0 ? x[0] : x[0] * x[1]; }},
    {TfliteCode::floor_div, 2, [](In x) { return std::floor(x[0] / x[1]); }},
    {TfliteCode::floor_mod, 2, [](In x) { return floor_mod(x[0], x[1]); }},
    {TfliteCode::less, 2, [](In x) { return truth(x[0] < x[1]); }},
    {TfliteCode::less_equal, 2, [](In x) { return truth(x[0] <= x[1]); }},
    {TfliteCode::greater, 2, [](In x) { return truth(x[0] > x[1]); }},
    {TfliteCode::greater_equal, 2, [](In x) { return truth(x[0] >= x[1]); }},
    {TfliteCode::equal, 2, [](In x) { return truth(x[0] == x[1]); }},
    {TfliteCode::not_equal, 2, [](In x) { return truth(x[0] != x[1]); }},
    {TfliteCode::logical_and, 2, [](In x) { return truth(x[0] != 0 && x[1] != 0); }},
    {TfliteCode::logical_or, 2, [](In x) { return truth(x[0] != 0 || x[1] != 0); }},
    {TfliteCode::select, 3, [](In x) { return x[0] != 0 ? x[1] : x[2]; }},
    {TfliteCode::select_v2, 3, [](In x) { return x[0] != 0 ? x[1] : x[2]; }},
};

}  // namespace

auto find_real_operator(TfliteCode code) -> RealOperator const* {
  for (auto const& op : kOperators)
    if (op.code == code) return &op;
  return nullptr;
}

}  // namespace godwit::compiler
