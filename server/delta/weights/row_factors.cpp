#include "server/delta/weights/row_factors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <optional>

#include "proto/format/weights/halves.h"
#include "proto/format/weights/tensor_rows.h"
#include "server/delta/weights/tensor_numbers.h"

namespace godwit::delta {
namespace {

namespace weights = proto::weights;

/// So many rows are looked at before all of them.
constexpr uint32_t kRowsFirst = 3;
/// Shorter rows could be halves by chance.
constexpr uint32_t kColsMin = 8;
/// A candidate must put so many numbers of a row on whole mantissas of 11 bits...
constexpr size_t kSamples = 24;
/// ... each as near as two roundings of 24 bits leave it: by chance one in 700 is.
constexpr double kNear = 0.0007;
constexpr uint32_t kMantissaFirst = 1024;
constexpr uint32_t kMantissaLast = 2047;
/// The factor itself is known to so many of its last places.
constexpr int32_t kPlacesOff = 3;
/// Halves are about as large: far from what is subnormal, and from what is too large.
constexpr int32_t kTypicalExponent = 8;

class Row {
 public:
  Row(ByteView file, TensorSpan const& tensor, uint32_t row) : bytes_(row_of(file, tensor, row)) {}

  auto factor() const -> std::optional<uint32_t> {
    double largest = 0;
    double squares = 0;
    for (size_t j = 0; j < size(); ++j) {
      double const value = std::abs(double{std::bit_cast<float>(number(j))});
      if (!std::isfinite(value)) return std::nullopt;
      largest = std::max(largest, value);
      squares += value * value;
    }
    if (largest == 0) return std::bit_cast<uint32_t>(1.0f);
    auto const typical = std::ilogb(std::sqrt(squares / static_cast<double>(size())));
    for (uint32_t const mantissa : likely_mantissas(largest)) {
      double const exact = largest / mantissa;
      int const shift = typical - kTypicalExponent - std::ilogb(exact);
      auto const near = std::bit_cast<uint32_t>(static_cast<float>(std::ldexp(exact, shift)));
      for (int32_t off = 0; off <= 2 * kPlacesOff; ++off) {
        uint32_t const factor = near + static_cast<uint32_t>(off % 2 ? -(off + 1) / 2 : off / 2);
        if (makes_all(factor)) return factor;
      }
    }
    return std::nullopt;
  }

  /// By which it resembles the other row most; 1 if it resembles it not at all.
  auto fitted_ratio(Row const& to) const -> double {
    double products = 0;
    double squares = 0;
    for (size_t j = 0; j < size(); ++j) {
      double const here = std::bit_cast<float>(number(j));
      products += here * double{std::bit_cast<float>(to.number(j))};
      squares += here * here;
    }
    double const ratio = products / squares;
    return std::isnormal(ratio) && ratio > 0 ? ratio : 1;
  }

  /// The bits that are set in one half at least.
  auto bits_of_halves(uint32_t factor) const -> uint32_t {
    uint32_t bits = 0;
    for (size_t j = 0; j < size(); ++j) bits |= weights::half_over(number(j), factor);
    return bits;
  }

 private:
  auto size() const -> size_t { return bytes_.size() / 4; }
  auto number(size_t j) const -> uint32_t { return weights::load(bytes_.subspan(4 * j, 4)); }

  /// Numbers of the row as parts of the largest, from 1/2 to 1.
  auto fractions_of(double largest) const -> std::vector<double> {
    std::vector<double> fractions;
    size_t const step = std::max<size_t>(size() / kSamples, 1);
    for (size_t j = 0; j < size(); j += step) {
      int exponent = 0;
      double const value = std::abs(double{std::bit_cast<float>(number(j))});
      if (value > 0) fractions.push_back(std::frexp(value / largest, &exponent));
    }
    return fractions;
  }

  /// What the largest may be, as a mantissa; those of fewer bits first, for whole multiples fit
  /// too.
  auto likely_mantissas(double largest) const -> std::vector<uint32_t> {
    auto const fractions = fractions_of(largest);
    std::vector<uint32_t> likely;
    for (uint32_t mantissa = kMantissaFirst; mantissa <= kMantissaLast; ++mantissa)
      if (fits(fractions, mantissa)) likely.push_back(mantissa);
    std::ranges::stable_sort(likely, std::ranges::greater(),
                             [](uint32_t mantissa) { return std::countr_zero(mantissa); });
    return likely;
  }

  /// Whether every number is near a whole one where the largest is this one, or half of it.
  static auto fits(std::vector<double> const& fractions, uint32_t mantissa) -> bool {
    return std::ranges::all_of(fractions, [mantissa](double fraction) {
      double value = fraction * mantissa;
      if (value < kMantissaFirst) value *= 2;
      return std::abs(value - std::nearbyint(value)) < kNear;
    });
  }

  auto makes_all(uint32_t factor) const -> bool {
    for (size_t j = 0; j < size(); ++j)
      if (weights::half_times(weights::half_over(number(j), factor), factor) != number(j))
        return false;
    return true;
  }

  ByteView bytes_;
};

/// By some of its rows.
auto has_halves(ByteView file, TensorSpan const& tensor) -> bool {
  if (tensor.type != ElementType::fp32 || tensor.cols < kColsMin) return false;
  for (uint32_t i = 0; i < kRowsFirst; ++i)
    if (!Row(file, tensor, tensor.rows / kRowsFirst * i).factor()) return false;
  return true;
}

}  // namespace

auto row_factors(ByteView file, TensorSpan const& tensor, Pages& pages) -> RowFactors {
  if (!has_halves(file, tensor)) return {};
  RowFactors found;
  found.rows.reserve(tensor.rows);
  uint32_t seen = 0;
  for (uint32_t i = 0; i < tensor.rows; ++i) {
    Row const row(file, tensor, i);
    auto const factor = row.factor();
    if (!factor) return {};
    found.rows.push_back({.made = *factor});
    seen |= row.bits_of_halves(*factor);
    pages.read(size_bytes(tensor) / tensor.rows);
  }
  uint32_t const most = weights::kHalfForm.mantissa_bits - 1;
  found.trailing = std::min(static_cast<uint32_t>(std::countr_zero(seen)), most);
  return found;
}

void add_old_factors(ByteView old_file, ByteView new_file, TensorPair const& pair,
                     std::vector<weights::HalvesFactors>& rows, Pages& pages) {
  bool const old_halves = has_halves(old_file, *pair.from);
  for (uint32_t i = 0; i < pair.to.rows; ++i) {
    Row const old_row(old_file, *pair.from, i);
    double const fitted = double{std::bit_cast<float>(rows[i].made)} /
                          old_row.fitted_ratio(Row(new_file, pair.to, i));
    auto const own = old_halves ? old_row.factor() : std::nullopt;
    double const exact = own ? double{std::bit_cast<float>(*own)} : fitted;
    double const moved =
        std::ldexp(exact, static_cast<int>(std::lround(std::log2(fitted / exact))));
    auto const old_factor = static_cast<float>(moved);
    rows[i].old = std::isnormal(old_factor) ? std::bit_cast<uint32_t>(old_factor) : rows[i].made;
    pages.read(2 * size_bytes(pair.to) / pair.to.rows);
  }
}

}  // namespace godwit::delta
