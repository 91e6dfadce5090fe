// SOFTMAX over the last dimension, in gemmlowp's fixed point (docs/engine.md, "Softmax").
// Names such as q5_26 tell the format: integer bits, fractional bits.
#include <algorithm>
#include <bit>
#include <limits>

#include "agent/engine/fixed_exp.h"
#include "agent/engine/operators/operators.h"

namespace godwit::engine {

namespace {

constexpr int32_t kSumIntegerBits = 12;

/// Of differences that count. Where there are more values than differences, each is worked out
/// once.
class Exponentials {
 public:
  Exponentials(proto::SoftmaxParams const& p, int32_t values) : p_(p), tabled_(values > 256) {
    for (int32_t diff = 0; tabled_ && diff >= -255 && diff >= p.diff_min; --diff)
      table_[static_cast<size_t>(-diff)] = work_out(diff);
  }
  auto operator()(int32_t diff) const -> int32_t {
    return tabled_ ? table_[static_cast<size_t>(-diff)] : work_out(diff);
  }

 private:
  auto work_out(int32_t diff) const -> int32_t {
    return exp_of_negative(
        multiply_high(wrap_shift_left(diff, p_.multiplier.shift), p_.multiplier.value));
  }

  proto::SoftmaxParams const& p_;
  bool tabled_;
  std::array<int32_t, 256> table_;
};

template <typename Out>
void softmax_row(int8_t const* in, Out* out, int32_t count, proto::SoftmaxParams const& p,
                 Exponentials const& exponential) {
  constexpr int32_t kLow = std::numeric_limits<Out>::min();
  constexpr int32_t kHigh = std::numeric_limits<Out>::max();
  int32_t const highest = *std::max_element(in, in + count);
  int64_t total = 0;  // Q12.19
  for (int32_t i = 0; i < count; ++i) {
    int32_t const diff = in[i] - highest;
    if (diff >= p.diff_min) total += divide_by_power(exponential(diff), kSumIntegerBits);
  }
  auto const sum = static_cast<uint32_t>(std::min<int64_t>(total, kOneQ0));
  int32_t const headroom = std::countl_zero(sum);
  int32_t const shift = kSumIntegerBits - headroom + 31 - 8 * static_cast<int32_t>(sizeof(Out));
  int32_t const inverse = inverse_of_one_plus(static_cast<int32_t>((sum << headroom) - (1u << 31)));
  for (int32_t i = 0; i < count; ++i) {
    int32_t const diff = in[i] - highest;
    if (diff < p.diff_min) {
      out[i] = kLow;
      continue;
    }
    int32_t const value =
        shift > 31 ? 0 : divide_by_power(multiply_high(inverse, exponential(diff)), shift);
    out[i] = static_cast<Out>(std::clamp(value + kLow, kLow, kHigh));
  }
}

}  // namespace

void softmax(Step const& step, void*) {
  auto const p = step.op.params<proto::SoftmaxParams>();
  auto const& shape = step.inputs[0].shape;
  int32_t const count = shape[static_cast<size_t>(shape.rank - 1)];
  auto const* const in = step.inputs[0].int8();
  auto const& output = step.output();
  Exponentials const exponential(p, shape.elements);
  if (output.type == proto::TensorType::int16) {
    for (int32_t i = 0; i < shape.elements; i += count)
      softmax_row(in + i, output.int16() + i, count, p, exponential);
  } else {
    for (int32_t i = 0; i < shape.elements; i += count)
      softmax_row(in + i, output.int8() + i, count, p, exponential);
  }
}

}  // namespace godwit::engine
