// One multiplier for all sums of a matrix, as the recurrent layers have it, and rows of weights
// that are only summed. What their kernels share.
#pragma once

#include "agent/engine/x86/matrix.h"

namespace godwit::engine::x86 {

constexpr int32_t kSumMax = (1 << 30) - 1;  // that can be doubled

/// One multiplier for sums of less than 2^30, with the two roundings as one, as `Whole` (matrix.h)
/// has them, of twice the sum, so that halves away from zero are one less in the upper half of the
/// product:
///   (((sum << left) * multiplier + round) >> 32) - (sum < turn)) >> right
struct Factor {
  int64_t round;
  int32_t multiplier, turn, left, right;
};

/// Whether sums of at most this magnitude can be scaled so.
auto fits_shared(proto::Multiplier multiplier, int64_t largest) -> bool;
auto factor_of(proto::Multiplier multiplier) -> Factor;

/// Packs `depth` weights for a lane, `step_bytes` from step to step; says what is to be added to
/// the bias for the zero point and the offset of activations.
auto pack_lane(int8_t const* weights, int32_t depth, int32_t zero_point, Layout const& layout,
               int32_t lane, int32_t step_bytes, int8_t* packed) -> int32_t;

}  // namespace godwit::engine::x86
