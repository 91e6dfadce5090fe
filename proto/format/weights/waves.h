// Rows of a windowed Fourier basis, with which networks of sound begin: each float32 is a value of
// the window times a cosine, and all follow from a quarter of each (docs/format-delta.md, "Waves").
#pragma once

#include <algorithm>
#include <span>

#include "proto/format/weights/kept_floats.h"
#include "proto/format/weights/segment.h"

namespace godwit::proto::weights {

/// What the coded bytes begin with: cosines of the first quarter of a period, then the window until
/// its middle, both ends counted.
constexpr auto wave_values(uint32_t cols) -> uint32_t {
  return cols / 4 + 1 + cols / 2 + 1;
}

/// What the element of this row of the segment and this column is predicted to be.
inline auto wave_at(Segment const& segment, std::span<uint32_t const> values, uint32_t row,
                    uint32_t col) -> uint32_t {
  uint32_t const period = segment.cols;
  uint32_t const quarter = period / 4;
  uint32_t const number = segment.first_wave + row;
  bool const sine = number >= segment.cosines;
  uint32_t const turned = !sine ? 0 : segment.rising ? 3 * quarter : quarter;
  uint64_t const waves = sine ? number - segment.cosines : number;
  auto place = static_cast<uint32_t>((waves * col + turned) % period);
  place = std::min(place, period - place);
  bool const negative = place > quarter;
  if (negative) place = period / 2 - place;
  uint32_t const cosine = values[place] ^ (negative ? 0x80000000u : 0u);
  return product_of(values[quarter + 1 + std::min(col, period - col)], cosine);
}

}  // namespace godwit::proto::weights
