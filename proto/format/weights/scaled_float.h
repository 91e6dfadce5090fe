// Floating-point numbers as integers: predictions in fixed point without a floating-point unit, and
// the order-keeping map to unsigned integers. The same on every device.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace godwit::proto::weights {

/// How a floating-point format lies in its bits: sign, exponent, mantissa.
struct FloatForm {
  uint32_t bits;
  uint32_t mantissa_bits;

  constexpr auto exponent_max() const -> uint32_t { return (1u << (bits - 1 - mantissa_bits)) - 1; }
  constexpr auto bias() const -> uint32_t { return exponent_max() >> 1; }
  constexpr auto sign_bit() const -> uint32_t { return 1u << (bits - 1); }
  constexpr auto exponent(uint32_t v) const -> uint32_t {
    return (v >> mantissa_bits) & exponent_max();
  }

  /// How large a number is, in powers of two: 0 for zero, then the lengths of the subnormal ones,
  /// then the exponents. With it and the bits below the highest a number is all but its sign.
  constexpr auto magnitude(uint32_t v) const -> uint32_t {
    uint32_t const mantissa = v & ((1u << mantissa_bits) - 1);
    if (exponent(v) > 0) return exponent(v) + mantissa_bits;
    return static_cast<uint32_t>(std::bit_width(mantissa));
  }
  constexpr auto magnitude_max() const -> uint32_t { return exponent_max() + mantissa_bits; }
  /// How many bits are below the highest.
  constexpr auto bits_below(uint32_t magnitude) const -> uint32_t {
    return std::min(std::max(magnitude, 1u) - 1, mantissa_bits);
  }
  constexpr auto of_magnitude(uint32_t magnitude, uint32_t below) const -> uint32_t {
    if (magnitude > mantissa_bits) return (magnitude - mantissa_bits) << mantissa_bits | below;
    return magnitude == 0 ? 0 : 1u << (magnitude - 1) | below;
  }
};
inline constexpr FloatForm kHalfForm{.bits = 16, .mantissa_bits = 10};
inline constexpr FloatForm kBrainForm{.bits = 16, .mantissa_bits = 7};
inline constexpr FloatForm kSingleForm{.bits = 32, .mantissa_bits = 23};

/// A predicted number, and where between its neighbours it lay: in eighths, from half below on.
struct NumberPrediction {
  uint32_t bits = 0;
  uint32_t fraction = 4;
};

/// The number of the format that is nearest to sum * 2^base; |sum| below 2^62.
inline auto nearest_float(FloatForm const& form, int64_t sum, int32_t base) -> NumberPrediction {
  uint32_t const sign = sum < 0 ? form.sign_bit() : 0;
  auto const size = static_cast<uint64_t>(sum < 0 ? -sum : sum);
  if (size == 0) return {};
  auto const mantissa_bits = static_cast<int32_t>(form.mantissa_bits);
  int32_t shift = static_cast<int32_t>(std::bit_width(size)) - (mantissa_bits + 1);
  int32_t exponent = base + shift + static_cast<int32_t>(form.bias()) + mantissa_bits;
  if (exponent < 1) {  // few bits are left: a subnormal number
    shift += 1 - exponent;
    exponent = 1;
  }
  if (shift > 62) return {.bits = sign};
  uint64_t mantissa = 0;
  uint32_t fraction = 4;
  if (shift > 0) {
    uint64_t const raised = size + (uint64_t{1} << (shift - 1));
    mantissa = raised >> shift;
    uint64_t const rest = raised - (mantissa << shift);
    fraction = static_cast<uint32_t>(shift >= 3 ? rest >> (shift - 3) : rest << (3 - shift));
    if (sign) fraction = 7 - fraction;
  } else {
    mantissa = size << -shift;
  }
  uint64_t const hidden = uint64_t{1} << form.mantissa_bits;
  if (mantissa == hidden * 2) {
    mantissa = hidden;
    ++exponent;
  }
  if (exponent >= static_cast<int32_t>(form.exponent_max()))
    return {.bits = sign | form.exponent_max() << form.mantissa_bits};
  if (mantissa < hidden)
    return {.bits = sign | static_cast<uint32_t>(mantissa), .fraction = fraction};
  return {.bits = sign | static_cast<uint32_t>(exponent) << form.mantissa_bits |
                  static_cast<uint32_t>(mantissa & (hidden - 1)),
          .fraction = fraction};
}

/// v * ratio / 65536 + move / 2^unit, rounded; `ratio` at most 2^20, |move| at most 2^28.
/// Infinities and NaN stay as they are.
inline auto predict_float(FloatForm const& form, uint32_t v, uint32_t ratio, int32_t move,
                          uint32_t unit) -> NumberPrediction {
  constexpr int32_t kMoveGuard = 8;
  uint32_t const exponent = form.exponent(v);
  if ((ratio == 65536 && move == 0) || exponent == form.exponent_max()) return {.bits = v};
  uint32_t const hidden = 1u << form.mantissa_bits;
  uint32_t const mantissa = (v & (hidden - 1)) | (exponent > 0 ? hidden : 0);
  int64_t const scaled = int64_t{mantissa} * ratio * (v & form.sign_bit() ? -1 : 1);
  // Both in units of 2^base, of which the old number keeps 2^-16 of its last place unless the move
  // is coarser than that.
  int32_t const of_old = static_cast<int32_t>(std::max(exponent, 1u)) -
                         static_cast<int32_t>(form.bias() + form.mantissa_bits) - 16;
  int32_t const of_move = -static_cast<int32_t>(unit);
  int32_t const base = move == 0 ? of_old : std::max(of_old, of_move - kMoveGuard);
  int64_t const from = scaled >> std::min(base - of_old, 63);
  int64_t by = 0;
  if (move != 0)
    by = of_move >= base ? int64_t{move} * (int64_t{1} << (of_move - base))
                         : int64_t{move} >> std::min(base - of_move, 63);
  NumberPrediction predicted = nearest_float(form, from + by, base);
  if (from + by == 0) predicted.bits = v & form.sign_bit();
  return predicted;
}

/// The bits of a floating-point number as an unsigned integer of the same order.
inline auto to_ordered(uint32_t v, uint32_t bits) -> uint32_t {
  uint32_t const sign = 1u << (bits - 1);
  return v & sign ? sign - 1 - (v & (sign - 1)) : sign | v;
}
inline auto from_ordered(uint32_t v, uint32_t bits) -> uint32_t {
  uint32_t const sign = 1u << (bits - 1);
  return v & sign ? v & (sign - 1) : sign | (sign - 1 - v);
}

}  // namespace godwit::proto::weights
