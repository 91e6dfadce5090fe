#include "agent/engine/operators/matrix.h"

#include "agent/engine/fixed_point.h"

namespace godwit::engine {

namespace {

/// So many products of a 9-bit and an 8-bit value never overflow an int32_t.
constexpr size_t kExactProducts = 1 << 15;

template <int kRows>
void dot(int16_t const* rows, size_t depth, int8_t const* weights, uint32_t (&totals)[kRows]) {
  for (size_t from = 0; from < depth; from += kExactProducts) {
    size_t const to = std::min(depth, from + kExactProducts);
    int32_t sums[kRows] = {};
    for (size_t k = from; k < to; ++k)
      for (size_t r = 0; r < kRows; ++r)
        sums[r] += rows[r * depth + k] * static_cast<int16_t>(weights[k]);
    for (size_t r = 0; r < kRows; ++r) totals[r] += static_cast<uint32_t>(sums[r]);
  }
}

/// What a zero point of the weights adds to the sums of every channel.
[[gnu::noinline]] auto zero_point_part(Input const& weights, int16_t const* row, size_t depth)
    -> uint32_t {
  if (weights.zero_point == 0) return 0;
  uint32_t sum = 0;
  for (size_t k = 0; k < depth; ++k) sum += static_cast<uint32_t>(row[k]);
  return 0 - sum * static_cast<uint32_t>(weights.zero_point);
}

template <int kRows>
[[gnu::flatten]] void multiply(Step const& step, proto::Clamp clamp, int16_t const* rows,
                               size_t depth, int8_t* output) {
  int8_t const* weights = step.inputs[1].int8();
  auto const channels = step.channels();
  int32_t const zero_point = step.output().zero_point;
  auto const rounding = step.op.rounding();
  uint32_t base[kRows] = {};
  for (size_t r = 0; r < kRows; ++r)
    base[r] = zero_point_part(step.inputs[1], rows + r * depth, depth);
  for (size_t c = 0; c < channels.size(); ++c, weights += depth) {
    auto const channel = channels[c];
    uint32_t totals[kRows];
    std::copy_n(base, kRows, totals);
    dot<kRows>(rows, depth, weights, totals);
    for (size_t r = 0; r < kRows; ++r)
      output[r * channels.size() + c] =
          static_cast<int8_t>(requantise(wrap_add(static_cast<int32_t>(totals[r]), channel.bias),
                                         channel.multiplier, zero_point, clamp, rounding));
  }
}

}  // namespace

void widen(int8_t const* from, int32_t zero_point, int32_t count, int16_t* to) {
  auto const offset = static_cast<int16_t>(zero_point);
  for (int32_t i = 0; i < count; ++i) to[i] = static_cast<int16_t>(from[i] - offset);
}

void sum_rows(int16_t const* values, int8_t const* weights, int32_t depth, int32_t rows,
              uint32_t* sums) {
  auto const exact = static_cast<size_t>(depth);
  auto const filled = static_cast<size_t>(filled_up(depth));
  auto left = static_cast<size_t>(rows);
  constexpr size_t kTogether = 4;
  for (; left >= kTogether && (left - kTogether + 1) * exact >= filled && filled <= kExactProducts;
       left -= kTogether, weights += kTogether * exact, sums += kTogether) {
    int32_t total[kTogether] = {};
    for (size_t k = 0; k < filled / kSummedTogether * kSummedTogether; ++k)
      for (size_t r = 0; r < kTogether; ++r)
        total[r] += values[k] * static_cast<int16_t>(weights[r * exact + k]);
    for (size_t r = 0; r < kTogether; ++r) sums[r] = static_cast<uint32_t>(total[r]);
  }
  for (; left > 0; --left, weights += exact, ++sums) {
    uint32_t total[1] = {};
    dot<1>(values, left * exact >= filled ? filled : exact, weights, total);
    *sums = total[0];
  }
}

auto dot(int16_t const* a, int16_t const* b, int32_t count) -> uint32_t {
  uint32_t sum = 0;
  for (int32_t i = 0; i < count; ++i) sum += static_cast<uint32_t>(a[i] * b[i]);
  return sum;
}

auto wide_dot(int16_t const* values, int8_t const* weights, int32_t count) -> int64_t {
  constexpr int32_t kExact = 1 << 8;  // so many products have a sum of 31 bits
  int64_t total = 0;
  for (int32_t from = 0; from < count; from += kExact) {
    int32_t sum = 0;
    int32_t const to = std::min(count, from + kExact);
    for (int32_t k = from; k < to; ++k) sum += values[k] * static_cast<int16_t>(weights[k]);
    total += sum;
  }
  return total;
}

void multiply_rows(Step const& step, proto::Clamp clamp, int16_t const* rows, int32_t row_count,
                   int32_t depth, int8_t* output) {
  auto const size = static_cast<size_t>(depth);
  if (row_count == kMatrixRows) return multiply<kMatrixRows>(step, clamp, rows, size, output);
  for (; row_count > 0; --row_count, rows += depth, output += step.channels().size())
    multiply<1>(step, clamp, rows, size, output);
}

}  // namespace godwit::engine
