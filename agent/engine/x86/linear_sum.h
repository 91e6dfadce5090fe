// ADD as one floor of a linear function of both inputs, where that gives the bytes of the
// reference's roundings for all pairs of inputs: this is proved when a model is loaded. Other
// steps are computed as the reference does.
#pragma once

#include <type_traits>

#include "agent/engine/x86/lines.h"
#include "agent/engine/x86/matrix.h"

namespace godwit::engine::x86 {

/// Values are moved up by 8 bits, factors have 30 bits and are split in two of 15, as int16 are
/// multiplied and added in pairs:
///   low = (a * first.low + b * second.low + low_constant) >> 15
///   out = (a * first.high + b * second.high + high_constant + low) >> shift
/// Floors of floors are the floor of the whole, and no sum overflows.
struct LinearSum {
  int32_t exact = 0;  // 1, or the rest means nothing; packed bytes have no gaps between them
  int32_t low = 0;    // first.low in the lower half, second.low above it
  int32_t high = 0;
  int32_t low_constant = 0;
  int32_t high_constant = 0;
  int32_t shift = 0;
};
static_assert(std::has_unique_object_representations_v<LinearSum>);

/// What each input adds before the sum is requantised, by the value plus 128.
struct Summands {
  int32_t first[256];
  int32_t second[256];
};

/// `stairs` say what becomes of the sum.
auto find_linear_sum(Summands const& summands, Stairs const& stairs, Finish const& finish)
    -> LinearSum;

}  // namespace godwit::engine::x86
