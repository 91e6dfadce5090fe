#include "agent/engine/x86/tiles.h"

#include "agent/engine/x86/conv.h"

namespace godwit::engine::x86 {

namespace {

constexpr int32_t kInputBytes = 224 << 10;  // of a strip's tiles: they stay in the second cache
constexpr int32_t kTilesMax = 64;           // of a strip, unless a line has more
/// Sums come out 576 times as large, of which 64 are shifted away.
constexpr int64_t kReachMost = INT64_C(1) << 25;

auto div_up(int32_t a, int32_t b) -> int32_t {
  return (a + b - 1) / b;
}

auto round_up(uint64_t bytes) -> uint64_t {
  return (bytes + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
}

/// What share of the time that AVX2 takes the direct way tiles take, in percent. By what a Zen 5
/// takes to multiply and add, to change filters, and inputs and outputs.
auto share_of(Tiles const& tiles, Convolution const& conv) -> int64_t {
  int64_t const strips = div_up(div_up(conv.out[1], kTile), tiles.lines);
  int64_t const filters = int64_t{tiles.pairs()} * tiles.units;
  int64_t const products = filters * strips * (36 * 4 * tiles.count + 480);
  int64_t const changes = strips * tiles.count * 40 * (tiles.width + tiles.units * kUnit);
  int64_t const direct = filters * conv.out[1] * conv.out[2] * kTaps * 4;
  return (products + changes) * 100 / direct;
}

/// Puts a block's weights and those of its channels; false where sums could be too large.
auto pack_block(Step const& step, Tiles const& tiles, int32_t index, Finish const& finish,
                Block& block, int8_t* weights) -> bool {
  WeightSum sums[kLanes] = {};
  Reaches reaches{};
  for (int32_t lane = 0; lane < kLanes; ++lane) {
    int32_t const of_block = kAvx2Layout.channel(lane);
    int32_t const channel = index * kLanes + of_block;
    if (channel >= tiles.channels) continue;
    auto const* from = step.inputs[1].int8() + ptrdiff_t{channel} * kTaps * tiles.depth;
    auto* const unit = weights + ptrdiff_t{channel / kUnit} * tiles.pairs() * kTaps * 2 * kUnit;
    for (int32_t tap = 0; tap < kTaps; ++tap)
      for (int32_t i = 0; i < tiles.depth; ++i, ++from) {
        unit[(ptrdiff_t{i / 2} * kTaps + tap) * 2 * kUnit + channel % kUnit * 2 + i % 2] = *from;
        sums[lane].add(*from);
      }
    reaches[lane] = reach_of(step, static_cast<size_t>(channel), sums[lane]);
    if (reaches[lane] >= kReachMost) return false;
  }
  set_lanes(step, kAvx2Layout, index, sums, block);
  straighten(block, reaches, finish);
  return true;
}

}  // namespace

Tiles::Tiles(Convolution const& conv)
    : across(div_up(conv.out[2], kTile)),
      depth(conv.in[3]),
      width(div_up(conv.in[3], kLanes) * kLanes),
      channels(conv.out[3]),
      units(div_up(conv.out[3], kUnit)) {
  auto const fit = std::min(kInputBytes / (kPoints * kPoints * 2 * width), kTilesMax);
  lines = std::clamp(fit / across, 1, div_up(conv.out[1], kTile));
  count = div_up(lines * across, kTilesTogether) * kTilesTogether;
  uint64_t end = 0;
  auto const take = [&](uint64_t bytes) {
    uint64_t const at = end;
    end += round_up(bytes);
    return at;
  };
  auto const n = static_cast<uint64_t>(count);
  auto const w = static_cast<uint64_t>(width);
  blank = take(static_cast<uint64_t>(conv.in[2]) * static_cast<uint64_t>(depth) + kLanes);
  columns = take(sizeof(int16_t) * kPoints * (static_cast<uint64_t>(across) * kTile + 2) * w);
  inputs = take(sizeof(int16_t) * n * kPoints * kPoints * w);
  filters = take(sizeof(int16_t) * 4 * kPoints * 2 * kUnit * static_cast<uint64_t>(pairs()));
  products = take(sizeof(int32_t) * 4 * kPoints * kUnit * n);
  across_sums = take(sizeof(int32_t) * 2 * kTile * kPoints * kUnit * n);
  sums = take(sizeof(int32_t) * kTile * kTile * kLanes * n);
  scratch_bytes = end;
}

auto tiles_fit(Step const& step, int32_t percent_most) -> bool {
  Convolution const conv(step);
  auto const& w = conv.p.window;
  if (conv.kernel_height != 3 || conv.kernel_width != 3 || w.stride_height != 1 ||
      w.stride_width != 1 || conv.p.dilation_height != 1 || conv.p.dilation_width != 1)
    return false;
  // Vectors read past the last pixel.
  if (step.inputs[0].place != proto::Place::arena || step.inputs[1].zero_point != 0) return false;
  Tiles const tiles(conv);
  return tiles.scratch_bytes <= kCopyBytesMax && conv_fits(step, kAvx2Layout) &&
         share_of(tiles, conv) <= percent_most;
}

auto tiles_packed_bytes(Step const& step) -> uint64_t {
  Tiles const tiles{Convolution(step)};
  auto const units = static_cast<uint64_t>(tiles.units);
  uint64_t const own = (units + 1) / 2 * sizeof(Block) +
                       units * static_cast<uint64_t>(tiles.pairs()) * kTaps * 2 * kUnit;
  return sizeof(TileWeights) + std::max(own, conv_packed_bytes(step, kAvx2Layout));
}

void tiles_pack(Step const& step, uint8_t* packed) {
  Convolution const conv(step);
  Tiles const tiles(conv);
  std::memset(packed, 0, tiles_packed_bytes(step));
  auto& head = *reinterpret_cast<TileWeights*>(packed);
  head.finish = finish_of(step, conv.p.clamp);
  auto* const weights = const_cast<int8_t*>(head.weights(tiles));
  for (int32_t b = 0; b < (tiles.units + 1) / 2; ++b)
    if (!pack_block(step, tiles, b, head.finish, const_cast<Block&>(head.blocks()[b]), weights)) {
      std::memset(packed, 0, tiles_packed_bytes(step));
      head.direct = 1;
      return conv_pack(step, kAvx2Layout, packed + sizeof(TileWeights));
    }
}

auto tiles_scratch_bytes(Step const& step) -> uint64_t {
  return std::max(Tiles(Convolution(step)).scratch_bytes, conv_scratch_bytes(step, kAvx2Layout));
}

void tiles_run(Step const& step, void* scratch, Part part) {
  auto const& weights = *reinterpret_cast<TileWeights const*>(step.packed);
  if (weights.direct) {
    Step direct = step;
    direct.packed += sizeof(TileWeights);
    return conv_run(direct, kAvx2Layout, multiply_rows_avx2, scratch, part);
  }
  Convolution const conv(step);
  Tiles const tiles(conv);
  auto* const bytes = static_cast<uint8_t*>(scratch);
  auto* const blank = reinterpret_cast<int8_t*>(bytes + tiles.blank);
  std::memset(blank, step.inputs[0].zero_point, tiles.columns - tiles.blank);
  int32_t const end = part.end(conv.out[1]);
  for (int32_t batch = 0; batch < conv.out[0]; ++batch)
    for (int32_t y = part.begin(conv.out[1]); y < end; y += tiles.lines * kTile) {
      int32_t const lines = std::min(tiles.lines * kTile, end - y);
      for (int32_t i = 0; i * kTile < lines; ++i) {
        int8_t const* seen[kPoints];
        for (int32_t k = 0; k < kPoints; ++k) {
          int32_t const at = conv.top(y + i * kTile) + k;
          seen[k] = at < 0 || at >= conv.in[1] ? blank : conv.line(batch, at);
        }
        tile_inputs_avx2(tiles, conv, seen, i, bytes);
      }
      tile_outputs_avx2(
          tiles, conv, weights, lines, bytes,
          step.output().int8() + (ptrdiff_t{batch} * conv.out[1] + y) * conv.out[2] * conv.out[3]);
    }
}

}  // namespace godwit::engine::x86
