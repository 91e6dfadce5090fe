// Floating-point numbers as integers: scaling by a fixed-point factor without a floating-point
// unit, and the order-keeping map to unsigned integers. The same on every device.
#pragma once

#include <bit>
#include <cstdint>

namespace godwit::proto::weights {

/// How a floating-point format lies in its bits: sign, exponent, mantissa.
struct FloatForm {
  uint32_t bits;
  uint32_t mantissa_bits;

  constexpr auto exponent_max() const -> uint32_t { return (1u << (bits - 1 - mantissa_bits)) - 1; }
  constexpr auto sign_bit() const -> uint32_t { return 1u << (bits - 1); }
  constexpr auto exponent(uint32_t v) const -> uint32_t {
    return (v >> mantissa_bits) & exponent_max();
  }
};
inline constexpr FloatForm kHalfForm{.bits = 16, .mantissa_bits = 10};
inline constexpr FloatForm kBrainForm{.bits = 16, .mantissa_bits = 7};
inline constexpr FloatForm kSingleForm{.bits = 32, .mantissa_bits = 23};

/// v * ratio / 65536, halves away from zero; `ratio` below 2^20. Infinities and NaN stay.
inline auto scale_float(FloatForm const& form, uint32_t v, uint32_t ratio) -> uint32_t {
  uint32_t const sign = v & form.sign_bit();
  uint32_t exponent = form.exponent(v);
  if (exponent == form.exponent_max()) return v;
  uint32_t const hidden = 1u << form.mantissa_bits;
  uint64_t mantissa = v & (hidden - 1);
  if (exponent > 0)
    mantissa |= hidden;
  else
    exponent = 1;
  uint64_t const product = mantissa * ratio;  // in units of 2^-16 of the last place
  if (product == 0) return sign;
  // Shift so that the hidden bit is again the highest, unless the exponent is at its end.
  auto const length = static_cast<uint32_t>(std::bit_width(product));
  uint32_t const whole = form.mantissa_bits + 17;
  if (length > whole) {
    exponent += length - whole;
    mantissa = (product + (uint64_t{1} << (15 + length - whole))) >> (16 + length - whole);
  } else {
    uint32_t const up = whole - length < exponent - 1 ? whole - length : exponent - 1;
    uint32_t const shift = up < 16 ? up : 16;
    exponent -= shift;
    mantissa =
        shift == 16 ? product : (product + ((uint64_t{1} << (16 - shift)) >> 1)) >> (16 - shift);
  }
  if (mantissa == uint64_t{hidden} * 2) {
    mantissa = hidden;
    ++exponent;
  }
  if (exponent >= form.exponent_max()) return sign | (form.exponent_max() << form.mantissa_bits);
  if (mantissa < hidden) return sign | static_cast<uint32_t>(mantissa);
  return sign | exponent << form.mantissa_bits | static_cast<uint32_t>(mantissa & (hidden - 1));
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
