// Convolutions of 3x3 by tiles of 4x4 outputs: Winograd's F(4x4, 3x3) in integers, exact, with a
// quarter of the products. For AVX2, whose products are what takes its time; docs/engine.md, "x86".
#pragma once

#include "agent/engine/x86/walk.h"

namespace godwit::engine::x86 {

constexpr int32_t kTile = 4;           // outputs each way
constexpr int32_t kPoints = 6;         // each way: inputs that a tile sees, and as many products
constexpr int32_t kTaps = 9;           // of a filter
constexpr int32_t kUnit = kLanes / 2;  // output channels of a vector of sums
constexpr int32_t kTilesTogether = 4;  // multiplied by the same filters

/// How a step is cut, and where scratch memory is for what.
struct Tiles {
  int32_t across;           // tiles of a line
  int32_t lines;            // of tiles in a strip
  int32_t count;            // of tiles in a strip, in whole groups of those multiplied together
  int32_t depth, width;     // channels of input; in whole vectors of sixteen
  int32_t channels, units;  // of output
  uint64_t blank;           // int8_t: a line of the input's zero point
  uint64_t columns;         // int16_t[kPoints][columns][width]: a line of tiles, changed downwards
  uint64_t inputs;          // int16_t[count][kPoints][kPoints][width]
  uint64_t filters;         // int16_t[2][2 * kPoints][pairs][2 * kUnit]: two lines of a block's
  uint64_t products;        // int32_t[2][count][2 * kPoints][kUnit]
  uint64_t across_sums;     // int32_t[2][count][kTile][kPoints][kUnit]: changed back along lines
  uint64_t sums;            // int32_t[kTile][count * kTile][kLanes]
  uint64_t scratch_bytes;

  explicit Tiles(Convolution const& conv);
  auto pairs() const -> int32_t { return (depth + 1) / 2; }
};

/// The head of what is packed. Where sums could be too large what follows is packed as for other
/// convolutions; otherwise Block[blocks], then int8_t[units][pairs][kTaps][2 * kUnit]: weights of
/// two input channels side by side, of each of a unit's channels.
struct alignas(kMemoryAlignment) TileWeights {
  int32_t direct;
  Finish finish;

  auto blocks() const { return reinterpret_cast<Block const*>(this + 1); }
  auto weights(Tiles const& tiles) const {
    return reinterpret_cast<int8_t const*>(blocks() + (tiles.units + 1) / 2);
  }
};

/// Only where they take at most that share of the time that AVX2 takes the direct way.
auto tiles_fit(Step const& step, int32_t percent_most) -> bool;
auto tiles_packed_bytes(Step const& step) -> uint64_t;
void tiles_pack(Step const& step, uint8_t* packed);
auto tiles_scratch_bytes(Step const& step) -> uint64_t;
void tiles_run(Step const& step, void* scratch, Part part);

/// The inputs of line `line` of a strip's tiles, from the six lines that they see.
void tile_inputs_avx2(Tiles const& tiles, Convolution const& conv, int8_t const* const* lines,
                      int32_t line, uint8_t* scratch);
/// A strip's outputs from these, of which the first `lines` lines are wanted.
void tile_outputs_avx2(Tiles const& tiles, Convolution const& conv, TileWeights const& weights,
                       int32_t lines, uint8_t* scratch, int8_t* output);

}  // namespace godwit::engine::x86
