#include "server/delta/tables/repeat.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace godwit::delta {
namespace {

constexpr size_t kMagnitudesMin = 256;
constexpr size_t kDistanceMin = 16;      // nearer ones are the kernels of convolutions
constexpr size_t kTermsMax = 32u << 10;  // products of 7 bits each sum up in 32 bits
constexpr int16_t kMagnitudeMax = 127;
/// A peak must stand out of chance by as many standard deviations, for thousands are looked at.
constexpr double kSigmas = 7;
constexpr double kSigmasAtOne = 4;
/// Multiples of the distance repeat as well: the first that is nearly as good is meant.
constexpr double kHarmonicShare = 0.9;

/// Neighbours resemble each other: what counts is what stands out of the distances around it.
auto rise(double before, double at, double after) -> double {
  return at - std::max((before + after) / 2, 0.0);
}

}  // namespace

Repeat::Repeat(std::vector<int16_t> magnitudes) : centred_(std::move(magnitudes)) {
  size_t const n = centred_.size();
  if (n < kMagnitudesMin) return;
  int64_t const sum = std::accumulate(centred_.begin(), centred_.end(), int64_t{0});
  auto const mean = static_cast<int>(sum / static_cast<int64_t>(n));
  double power = 0;
  for (auto& value : centred_) {
    value = static_cast<int16_t>(std::clamp(value - mean, -kMagnitudeMax, int{kMagnitudeMax}));
    power += value * value;
  }
  distance_max_ = std::min(kDistanceMax, n / 3);
  terms_ = std::min(n - distance_max_ - 2, kTermsMax);
  chance_ = power / static_cast<double>(n) * std::sqrt(static_cast<double>(terms_));
}

auto Repeat::product(size_t distance) const -> double {
  int32_t sum = 0;
  int16_t const* a = centred_.data();
  int16_t const* b = a + distance;
  for (size_t i = 0; i < terms_; ++i) sum += a[i] * b[i];
  return sum;
}

auto Repeat::at(size_t distance) const -> bool {
  if (distance < kDistanceMin || distance > distance_max_ || chance_ <= 0) return false;
  return rise(product(distance - 1), product(distance), product(distance + 1)) >=
         kSigmasAtOne * chance_;
}

auto Repeat::distance() const -> std::optional<size_t> {
  if (chance_ <= 0) return std::nullopt;
  std::vector<double> products(distance_max_ + 2);
  for (size_t i = kDistanceMin - 1; i < products.size(); ++i) products[i] = product(i);
  auto const rise_at = [&](size_t i) {
    return rise(products[i - 1], products[i], products[i + 1]);
  };
  double best = 0;
  for (size_t i = kDistanceMin; i <= distance_max_; ++i) best = std::max(best, rise_at(i));
  if (best < kSigmas * chance_) return std::nullopt;
  for (size_t i = kDistanceMin; i <= distance_max_; ++i)
    if (rise_at(i) >= kHarmonicShare * best) return i;
  return std::nullopt;
}

}  // namespace godwit::delta
