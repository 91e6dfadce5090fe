#include "agent/engine/x86/lines.h"

#include <algorithm>
#include <bit>

#include "agent/engine/fixed_point.h"

namespace godwit::engine::x86 {

namespace {

constexpr int32_t kFloatBits = 24;
constexpr int64_t kExactMost = 1 << kFloatBits;  // integers up to here are float32 exactly
constexpr int64_t kBaseMost = 1 << 21;           // leaves a float32 its last bit for units
constexpr int64_t kResultMost = 32000;           // of 16 bits, with a zero point
constexpr int32_t kRightMost = 20;               // of shifts: thresholds then fit in 64 bits
constexpr int32_t kPowerLeast = 20, kPowerMost = 46;

/// A float32 as mantissa / 2^power.
struct Factor {
  int64_t mantissa;
  int32_t power;

  auto unit() const -> int64_t { return INT64_C(1) << power; }
  auto value() const -> float { return static_cast<float>(mantissa) / static_cast<float>(unit()); }
};

auto nearest_factor(proto::Multiplier m) -> Factor {
  auto const bits = static_cast<int32_t>(std::bit_width(static_cast<uint32_t>(m.value)));
  int32_t const extra = bits - kFloatBits;
  int64_t const mantissa = extra > 0 ? (int64_t{m.value} + (INT64_C(1) << (extra - 1))) >> extra
                                     : int64_t{m.value} << -extra;
  return {mantissa, 31 - m.shift - extra};
}

/// The least sum that gives a value, then the value after it, and so on. One rounding takes halves
/// up; two take those of the first up, and those of the second away from zero.
class Threshold {
 public:
  Threshold(Stairs const& stairs, int64_t value)
      : divisor_(int64_t{stairs.multiplier.value} << std::max(stairs.multiplier.shift, 0)) {
    int32_t const right = std::max(-stairs.multiplier.shift, 0);
    int64_t const step = INT64_C(1) << (31 + right);
    int64_t scaled = value * step - step / 2;
    if (right && stairs.rounding == proto::Rounding::twice)
      scaled += (value <= 0 ? INT64_C(1) << 31 : 0) - (INT64_C(1) << 30);
    sum_ = scaled >= 0 ? (scaled + divisor_ - 1) / divisor_ : -(-scaled / divisor_);
    over_ = sum_ * divisor_ - scaled;
    step_ = step / divisor_;
    rest_ = step % divisor_;
  }

  auto sum() const -> int64_t { return sum_; }
  /// Not from a value below 1 to one above 0.
  void next() {
    over_ -= rest_;
    int64_t const missed = over_ >> 63;  // -1 or 0: no branch, for it would be a coin toss
    sum_ += step_ - missed;
    over_ += divisor_ & missed;
  }

 private:
  int64_t divisor_, sum_, step_, rest_;
  int64_t over_;  // how far the threshold is exceeded
};

struct Range {
  int64_t first, last;
};

/// What a line may add to mantissa * sum; neither end is included.
struct Bounds {
  int64_t low = INT64_MIN, high = INT64_MAX;
};

/// The bounds for which the line gives all results inside the clamp, and keeps to the right side of
/// it elsewhere.
auto bounds_of(Stairs const& stairs, Range const& sums, proto::Clamp clamp, Factor const& factor)
    -> Bounds {
  Bounds bounds;
  int64_t const half = factor.unit() / 2;
  // What must be added for a sum to give half a unit less than a value.
  auto const below = [&](int64_t sum, int64_t value) {
    return (2 * value - 1) * half - factor.mantissa * sum;
  };
  auto const m = stairs.multiplier;
  int32_t const first = scale(static_cast<int32_t>(sums.first), m, stairs.rounding);
  int32_t const last = scale(static_cast<int32_t>(sums.last), m, stairs.rounding);
  if (first > clamp.low) bounds.low = below(sums.first, std::min(first, clamp.high));
  if (last < clamp.high) bounds.high = below(sums.last, std::max(last, clamp.low) + 1);
  int64_t value = std::max(first, clamp.low) + 1;
  for (Threshold t(stairs, value); value <= std::min(last, clamp.high); ++value, t.next()) {
    int64_t const least = below(t.sum(), value);
    bounds.low = std::max(bounds.low, least);
    bounds.high = std::min(bounds.high, least + factor.mantissa);  // The sum before gives less.
  }
  return bounds;
}

/// The least x with step * x mod modulus in [low, high], or -1; 0 < low <= high < modulus. As in
/// Euclid's algorithm: where no multiple of the step itself is there, the question is how often to
/// go round, which is the same question of smaller numbers.
auto first_within(int64_t step, int64_t modulus, int64_t low, int64_t high) -> int64_t {
  if (step == 0) return -1;
  int64_t const x = (low + step - 1) / step;
  if (x * step <= high) return x;
  int64_t const rounds = first_within(modulus % step, step, step - high % step, step - low % step);
  if (rounds < 0 || rounds > kExactMost * step / modulus) return -1;  // or x is of no use
  return (low + modulus * rounds + step - 1) / step;
}

struct MaybeLine {
  bool found = false;
  Line line;
};

auto line_within(Bounds bounds, Factor const& factor, int64_t offset_most) -> MaybeLine {
  int64_t const unit = factor.unit();
  if (bounds.low == INT64_MIN) bounds.low = bounds.high == INT64_MAX ? -1 : bounds.high - unit - 1;
  if (bounds.high == INT64_MAX || bounds.high - bounds.low > unit)
    bounds.high = bounds.low + unit + 1;
  if (bounds.high - bounds.low < 2) return {};
  int64_t const low = (bounds.low + 1) & (unit - 1);
  int64_t const high = low + (bounds.high - bounds.low - 2);
  bool const around_zero = low == 0 || high >= unit;
  int64_t const offset =
      around_zero ? 0 : first_within(factor.mantissa & (unit - 1), unit, low, high);
  if (offset < 0 || offset > offset_most) return {};
  int64_t const base = (factor.mantissa * offset - bounds.low - 1) >> factor.power;
  if (base > kBaseMost || base < -kBaseMost) return {};
  return {true, {static_cast<int32_t>(offset), static_cast<int32_t>(-base)}};
}

}  // namespace

auto find_lines(Stairs const& stairs, int64_t reach, proto::Clamp clamp, bool split) -> Lines {
  auto const m = stairs.multiplier;
  if (m.value == 0) return {.found = true, .factor = 0, .rest = {}, .negative = {}};
  auto const nearest = nearest_factor(m);
  if (m.shift < -kRightMost || nearest.power < kPowerLeast || nearest.power > kPowerMost ||
      reach >= kExactMost || nearest.mantissa * (reach + 1) >= kResultMost * nearest.unit())
    return {};
  for (int64_t const nudge : {0, 1, -1, 2, -2}) {
    Factor const factor{nearest.mantissa + nudge, nearest.power};
    if (factor.mantissa > kExactMost) continue;
    int64_t const offset_most = kExactMost - reach;
    auto const rest = line_within(bounds_of(stairs, {split ? 0 : -reach, reach}, clamp, factor),
                                  factor, offset_most);
    if (!rest.found) continue;
    auto const negative =
        split ? line_within(bounds_of(stairs, {-std::max<int64_t>(reach, 1), -1}, clamp, factor),
                            factor, offset_most)
              : rest;
    if (negative.found)
      return {
          .found = true, .factor = factor.value(), .rest = rest.line, .negative = negative.line};
  }
  return {};
}

}  // namespace godwit::engine::x86
