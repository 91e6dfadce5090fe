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
constexpr int32_t kDifferences = 256;

/// The exponentials of all differences as Q0.31; 0 where they do not count.
using Exponentials = std::array<uint32_t, kDifferences>;

template <typename Out>
void softmax_row(int8_t const* in, Out* out, int32_t count, Exponentials const& exponentials) {
  constexpr int32_t kLow = std::numeric_limits<Out>::min();
  constexpr int32_t kRange = std::numeric_limits<Out>::max() - kLow;
  int32_t highest = in[0];
  for (int32_t i = 1; i < count; ++i) highest = std::max<int32_t>(highest, in[i]);
  auto const exponential = [&](int32_t i) {
    return exponentials[static_cast<size_t>(highest - in[i])];
  };
  uint64_t total = 0;  // Q12.19
  for (int32_t i = 0; i < count; ++i)
    total += (exponential(i) + (1u << (kSumIntegerBits - 1))) >> kSumIntegerBits;
  auto const sum = static_cast<uint32_t>(std::min<uint64_t>(total, kOneQ0));
  int32_t const headroom = std::countl_zero(sum);
  int32_t const shift = kSumIntegerBits - headroom + 31 - 8 * static_cast<int32_t>(sizeof(Out));
  if (shift > 31) {
    std::fill_n(out, count, static_cast<Out>(kLow));
    return;
  }
  int64_t const inverse = inverse_of_one_plus(static_cast<int32_t>((sum << headroom) - (1u << 31)));
  // To nearest twice, first without the 31 bits of the inverse: of what is not negative one floor.
  int64_t const halves = (INT64_C(1) << 30) + (INT64_C(1) << (30 + shift));
  for (int32_t i = 0; i < count; ++i) {
    auto const value =
        static_cast<int32_t>((inverse * int64_t{exponential(i)} + halves) >> (31 + shift));
    out[i] = static_cast<Out>(std::min(value, kRange) + kLow);
  }
}

}  // namespace

auto softmax_packed_bytes(Step const&) -> uint64_t {
  return sizeof(Exponentials);
}

void softmax_pack(Step const& step, uint8_t* packed) {
  auto const p = step.op.params<proto::SoftmaxParams>();
  auto& exponentials = *reinterpret_cast<Exponentials*>(packed);
  for (int32_t less = 0; less < kDifferences; ++less) {
    int32_t const scaled =
        multiply_high(wrap_shift_left(-less, p.multiplier.shift), p.multiplier.value);
    exponentials[static_cast<size_t>(less)] =
        -less < p.diff_min ? 0 : static_cast<uint32_t>(exp_of_negative(scaled));
  }
}

void softmax(Step const& step, void*) {
  auto const& shape = step.inputs[0].shape;
  int32_t const count = shape[static_cast<size_t>(shape.rank - 1)];
  auto const* const in = step.inputs[0].int8();
  auto const& output = step.output();
  auto const& exponentials = *reinterpret_cast<Exponentials const*>(step.packed);
  if (output.type == proto::TensorType::int16) {
    for (int32_t i = 0; i < shape.elements; i += count)
      softmax_row(in + i, output.int16() + i, count, exponentials);
  } else {
    for (int32_t i = 0; i < shape.elements; i += count)
      softmax_row(in + i, output.int8() + i, count, exponentials);
  }
}

}  // namespace godwit::engine
