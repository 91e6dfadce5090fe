// float32 that are halves (fp16) times a factor, in integers: what folding a batch normalisation
// into weights that were stored as fp16 makes of them (docs/format-delta.md, "Halves").
#pragma once

#include "proto/format/weights/kept_floats.h"
#include "proto/format/weights/scaled_float.h"

namespace godwit::proto::weights {

/// The half as a float32, exactly.
constexpr auto single_of(uint32_t half) -> uint32_t {
  uint32_t const sign = (half & kHalfForm.sign_bit()) << 16;
  uint32_t const magnitude = kHalfForm.magnitude(half);
  if (magnitude == 0) return sign;
  if (kHalfForm.exponent(half) == kHalfForm.exponent_max()) return sign | 0x7f800000u;
  uint32_t const below = kHalfForm.bits_below(magnitude);
  // 2^-24 is the half of magnitude 1.
  uint32_t const exponent = magnitude - 1 + kSingleForm.bias() - 24;
  return sign | exponent << 23 | (half & ((1u << below) - 1)) << (23 - below);
}
static_assert(single_of(0x3c00) == 0x3f800000 && single_of(0xc500) == 0xc0a00000);
static_assert(single_of(0x0001) == 0x33800000 && single_of(0x83ff) == 0xb87fc000);

/// The half times the factor, rounded as a float32 product is; zero, of either sign, where one of
/// the three is not normal.
constexpr auto half_times(uint32_t half, uint32_t factor) -> uint32_t {
  uint32_t const single = single_of(half);
  uint32_t const product = product_of(single, factor);
  return product ? product : (single ^ factor) & 0x80000000u;
}

/// The half that times the factor comes nearest to the float32.
inline auto half_over(uint32_t number, uint32_t factor) -> uint32_t {
  uint32_t const sign = (number ^ factor) & 0x80000000u;
  auto const exponent = static_cast<int32_t>(kSingleForm.exponent(number));
  auto const by = static_cast<int32_t>(kSingleForm.exponent(factor));
  constexpr int32_t kShift = 30;
  constexpr uint32_t kOne = 1u << 23;
  if (exponent == 0 || by == 0) return sign >> 16;
  uint64_t const above = uint64_t{(number & (kOne - 1)) | kOne} << kShift;
  auto const quotient = static_cast<int64_t>(above / ((factor & (kOne - 1)) | kOne));
  uint32_t const half = nearest_float(kHalfForm, quotient, exponent - by - kShift).bits;
  return half | sign >> 16;
}

}  // namespace godwit::proto::weights
