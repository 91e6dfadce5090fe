#include "server/delta/weights/row_ratios.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "proto/format/weights/tensor_rows.h"
#include "server/delta/weights/element_value.h"
#include "server/delta/weights/tensor_numbers.h"

namespace godwit::delta {
namespace {

namespace weights = proto::weights;

/// So many quotients of a row are looked at for one that comes often.
constexpr size_t kQuotients = 48;
/// As often as that among them; quotients so near to each other count as one.
constexpr size_t kAlikeMin = 8;
constexpr float kAlike = 1.0f / 512;

auto scale(ByteView file, ScaleSpan const& scales, uint32_t row) -> float {
  uint64_t const at = scales.offset + (scales.count > 1 ? uint64_t{4} * row : 0);
  return std::bit_cast<float>(weights::load(file.subspan(static_cast<size_t>(at), 4)));
}

auto to_ratio(double ratio) -> int32_t {
  double const scaled = ratio * weights::kRatioOne;
  return scaled > 0 && scaled < weights::kRatioMax ? static_cast<int32_t>(std::lround(scaled))
                                                   : weights::kRatioOne;
}

/// Of rows of int8, at most kColumnsMax of them: the sums stay below 2^27.
auto ratio_of_codes(ByteView from, ByteView to) -> int32_t {
  int32_t products = 0;
  int32_t squares = 0;
  for (size_t j = 0; j < to.size(); ++j) {
    int32_t const old = static_cast<int8_t>(from[j]);
    products += old * static_cast<int8_t>(to[j]);
    squares += old * old;
  }
  return squares > 0 ? to_ratio(double(products) / squares) : weights::kRatioOne;
}

/// The middle of the narrowest run of quotients, or 0.
auto frequent_quotient(std::span<float const> from, std::span<float const> to) -> float {
  std::array<float, kQuotients> quotients;
  size_t count = 0;
  size_t const wanted = std::min(from.size(), kQuotients);
  for (size_t i = 0; i < wanted; ++i) {
    size_t const j = i * from.size() / wanted;
    float const quotient = from[j] == 0 ? 0 : to[j] / from[j];
    if (quotient > 0) quotients[count++] = quotient;
  }
  if (count < kAlikeMin) return 0;
  std::sort(quotients.begin(), quotients.begin() + count);
  float narrowest = 1 + kAlike;
  float found = 0;
  for (size_t i = 0; i + kAlikeMin <= count; ++i) {
    float const width = quotients[i + kAlikeMin - 1] / quotients[i];
    if (width >= narrowest) continue;
    narrowest = width;
    found = quotients[i + kAlikeMin / 2];
  }
  return found;
}

auto ratio_of_floats(std::span<float const> from, std::span<float const> to) -> int32_t {
  float const frequent = frequent_quotient(from, to);
  float const near = frequent > 0 ? kAlike : INFINITY;
  double products = 0;
  double squares = 0;
  for (size_t j = 0; j < to.size(); ++j) {
    float const away = std::abs(to[j] - from[j] * frequent);
    if (away > near * std::abs(from[j]) * frequent) continue;
    products += double{from[j]} * to[j];
    squares += double{from[j]} * from[j];
  }
  return squares > 0 ? to_ratio(products / squares) : weights::kRatioOne;
}

}  // namespace

auto file_ratios(ByteView old_file, ByteView new_file, TensorPair const& pair)
    -> std::vector<int32_t> {
  std::vector<int32_t> ratios(pair.to.rows);
  for (uint32_t row = 0; row < pair.to.rows; ++row)
    ratios[row] = to_ratio(double{scale(old_file, *pair.from->scales, row)} /
                           double{scale(new_file, *pair.to.scales, row)});
  return ratios;
}

auto fitted_ratios(ByteView old_file, ByteView new_file, TensorPair const& pair, Pages& pages)
    -> std::vector<int32_t> {
  TensorSpan const& to = pair.to;
  bool const codes = to.type == ElementType::int8 && to.cols <= weights::kColumnsMax;
  std::vector<int32_t> ratios(to.rows);
  std::vector<float> old_values(codes ? 0 : to.cols);
  std::vector<float> new_values(codes ? 0 : to.cols);
  for (uint32_t row = 0; row < to.rows; ++row) {
    ByteView const old_row = row_of(old_file, *pair.from, row);
    ByteView const new_row = row_of(new_file, to, row);
    if (codes) {
      ratios[row] = ratio_of_codes(old_row, new_row);
    } else {
      read_values(to.type, old_row, old_values);
      read_values(to.type, new_row, new_values);
      ratios[row] = ratio_of_floats(old_values, new_values);
    }
    pages.read(2 * size_bytes(to) / to.rows);
  }
  return ratios;
}

}  // namespace godwit::delta
