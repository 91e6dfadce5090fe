// Requantising by one product in float32 with one rounding, where that is proved to give the bytes
// of the reference's two roundings, or its one: outputs are steps that a straight line climbs, and
// a channel has at most 255 of them. Looked for when a model is loaded; docs/engine.md, "x86".
#pragma once

#include "proto/format/operators.h"

namespace godwit::engine::x86 {

/// round(factor * (sum + offset)) + base, to nearest.
struct Line {
  int32_t offset = 0;
  int32_t base = 0;
};

/// A channel's sums as outputs without the zero point: equal to the reference's wherever that lies
/// inside the clamp, beyond the clamp's ends where that does, and of 16 bits.
struct Lines {
  bool found = false;  // otherwise the rest means nothing
  float factor = 0;
  Line rest;
  Line negative;  // of sums below 0; if they have one of their own
};

/// How the reference scales a channel's sums.
struct Stairs {
  proto::Multiplier multiplier;
  proto::Rounding rounding;
};

/// Of sums that are at most `reach` from 0. `clamp` is without the zero point. Two roundings take
/// halves away from zero, so that negative outputs need a line of their own: `split`.
auto find_lines(Stairs const& stairs, int64_t reach, proto::Clamp clamp, bool split) -> Lines;

}  // namespace godwit::engine::x86
