#include "agent/engine/x86/linear_sum.h"

#include <algorithm>

#include "agent/engine/fixed_point.h"

namespace godwit::engine::x86 {

namespace {

constexpr int32_t kValues = 256;
constexpr int32_t kLowBits = 15;

auto ascends(int32_t const (&summands)[kValues]) -> bool {
  for (int32_t i = 1; i < kValues; ++i)
    if (summands[i] < summands[i - 1]) return false;
  return true;
}

/// The least sum from which on outputs are at least `value`, or more than any sum: outputs ascend.
class Thresholds {
 public:
  Thresholds(Summands const& s, Stairs const& stairs, Finish const& finish) : clamp_(finish.clamp) {
    int64_t from = int64_t{s.first[0]} + s.second[0];
    int64_t const end = int64_t{s.first[kValues - 1]} + s.second[kValues - 1] + 1;
    for (int32_t value = clamp_.low + 1; value <= clamp_.high; ++value) {
      for (int64_t to = end; from < to;) {
        int64_t const middle = from + (to - from) / 2;
        if (requantise(static_cast<int32_t>(middle), stairs.multiplier, finish.zero_point, clamp_,
                       stairs.rounding) >= value)
          to = middle;
        else
          from = middle + 1;
      }
      least_[value + 128] = from;
    }
  }

  /// The output of a sum for which it is `value` or more.
  auto output(int64_t sum, int32_t value) const -> int32_t {
    while (value < clamp_.high && sum >= least_[value + 1 + 128]) ++value;
    return value;
  }

 private:
  proto::Clamp clamp_;
  int64_t least_[kValues];
};

/// Real factors as integers of `shift + kLowBits` bits after the point, of values moved up.
struct Factors {
  int64_t first, second;
  int32_t shift;
};

/// As many bits as sums leave room for; a shift of 0 where that is none.
auto factors_of(Summands const& s, proto::Multiplier output) -> Factors {
  double unit = output.value / 2147483648.0;
  for (int32_t i = 0; i < output.shift; ++i) unit *= 2;
  for (int32_t i = 0; i > output.shift; --i) unit /= 2;
  double first =
      unit * static_cast<double>(int64_t{s.first[kValues - 1]} - s.first[0]) / (kValues - 1);
  double second =
      unit * static_cast<double>(int64_t{s.second[kValues - 1]} - s.second[0]) / (kValues - 1);
  // Values and zero points reach 128 each, and so does the output's zero point.
  double reach = 256 * (first + second) + 130;
  Factors factors{0, 0, 0};
  while (factors.shift < 31 && 2 * reach < 2147483648.0) {
    reach *= 2;
    ++factors.shift;
  }
  double const scaled = static_cast<double>(INT64_C(1) << (factors.shift + kLowBits)) / 256;
  factors.first = static_cast<int64_t>(first * scaled + 0.5);
  factors.second = static_cast<int64_t>(second * scaled + 0.5);
  return factors;
}

/// What the constant may be, both included.
struct Bounds {
  int64_t low = INT64_MIN, high = INT64_MAX;
};

auto bounds_of(Summands const& s, Thresholds const& thresholds, proto::Clamp clamp,
               Factors const& factors) -> Bounds {
  Bounds bounds;
  int64_t const unit = INT64_C(1) << (factors.shift + kLowBits);
  for (int32_t i = 0; i < kValues; ++i) {
    int32_t value = clamp.low;
    for (int32_t k = 0; k < kValues; ++k) {
      value = thresholds.output(int64_t{s.first[i]} + s.second[k], value);
      int64_t const sum = 256 * ((i - 128) * factors.first + (k - 128) * factors.second);
      if (value > clamp.low) bounds.low = std::max(bounds.low, value * unit - sum);
      if (value < clamp.high) bounds.high = std::min(bounds.high, (value + 1) * unit - sum - 1);
    }
  }
  return bounds;
}

auto pair_of(int64_t first, int64_t second) -> int32_t {
  return static_cast<int32_t>(static_cast<uint32_t>(first) | static_cast<uint32_t>(second) << 16);
}

}  // namespace

auto find_linear_sum(Summands const& s, Stairs const& stairs, Finish const& finish) -> LinearSum {
  auto const clamp = finish.clamp;
  if (clamp.low == clamp.high || !ascends(s.first) || !ascends(s.second)) return {};
  auto const factors = factors_of(s, stairs.multiplier);
  if (factors.shift == 0) return {};
  Thresholds const thresholds(s, stairs, finish);
  auto const bounds = bounds_of(s, thresholds, clamp, factors);
  if (bounds.low > bounds.high) return {};
  // Clamped on one side only, it could be anything from there on.
  int64_t const constant = bounds.low == INT64_MIN    ? bounds.high
                           : bounds.high == INT64_MAX ? bounds.low
                                                      : bounds.low + (bounds.high - bounds.low) / 2;
  int64_t const most = INT64_C(1) << (31 + kLowBits);
  int64_t const reach = 128 * 256 * (factors.first + factors.second);
  if (constant - reach < -most || constant + reach >= most) return {};
  constexpr int64_t kLow = (1 << kLowBits) - 1;
  return {.exact = 1,
          .low = pair_of(factors.first & kLow, factors.second & kLow),
          .high = pair_of(factors.first >> kLowBits, factors.second >> kLowBits),
          .low_constant = static_cast<int32_t>(constant & kLow),
          .high_constant = static_cast<int32_t>(constant >> kLowBits),
          .shift = factors.shift};
}

}  // namespace godwit::engine::x86
