#include "server/delta/weights/fourier.h"

#include <bit>
#include <cmath>
#include <numbers>

#include "proto/format/weights/tensor_rows.h"
#include "proto/format/weights/waves.h"
#include "server/delta/weights/tensor_numbers.h"

namespace godwit::delta {
namespace {

namespace weights = proto::weights;

constexpr uint32_t kColsMin = 16;
/// Every profile has room for the columns of so many.
constexpr uint32_t kColsMax = 1024;

auto number(ByteView row, uint32_t index) -> uint32_t {
  return weights::load<4>(row.data() + size_t{4} * index);
}

/// The first row is the window, which is the same from its middle on both sides; empty if not.
auto values_of(ByteView window, uint32_t cols) -> std::vector<uint32_t> {
  std::vector<uint32_t> values;
  for (uint32_t i = 0; i < cols / 4; ++i)
    values.push_back(
        std::bit_cast<uint32_t>(static_cast<float>(std::cos(2 * std::numbers::pi * i / cols))));
  values.push_back(0);
  for (uint32_t i = 0; i <= cols / 2; ++i) {
    if (i > 0 && number(window, i) != number(window, cols - i)) return {};
    values.push_back(number(window, i));
  }
  return values;
}

auto same(ByteView stored, weights::Segment const& segment, std::span<uint32_t const> values,
          uint32_t row) -> uint32_t {
  uint32_t count = 0;
  for (uint32_t col = 0; col < segment.cols; ++col)
    count += number(stored, col) == weights::wave_at(segment, values, row, col);
  return count;
}

}  // namespace

auto find_waves(ByteView file, TensorSpan const& tensor, weights::Segment& segment, Pages& pages)
    -> std::vector<uint32_t> {
  uint32_t const half = tensor.cols / 2 + 1;
  if (tensor.type != ElementType::fp32 || tensor.cols % 4 != 0 || tensor.cols < kColsMin ||
      tensor.cols > kColsMax || (tensor.rows != half && tensor.rows != 2 * half))
    return {};
  auto const values = values_of(row_of(file, tensor, 0), tensor.cols);
  if (values.empty()) return {};
  weights::Segment found{.kind = weights::SegmentKind::tensor,
                         .bytes = static_cast<uint32_t>(size_bytes(tensor)),
                         .element = weights::Element::fp32,
                         .rows = tensor.rows,
                         .cols = tensor.cols,
                         .further = true,
                         .waves = true,
                         .cosines = half};
  if (same(row_of(file, tensor, 1), found, values, 1) < tensor.cols / 2) return {};
  if (tensor.rows > half) {
    auto const sines = row_of(file, tensor, half + 1);
    uint32_t const falling = same(sines, found, values, half + 1);
    found.rising = true;
    found.rising = same(sines, found, values, half + 1) > falling;
  }
  uint64_t right = 0;
  for (uint32_t row = 0; row < tensor.rows; ++row) {
    right += same(row_of(file, tensor, row), found, values, row);
    pages.read(uint64_t{4} * tensor.cols);
  }
  if (right < uint64_t{tensor.rows} * tensor.cols / 8 * 7) return {};
  segment = found;
  return values;
}

}  // namespace godwit::delta
