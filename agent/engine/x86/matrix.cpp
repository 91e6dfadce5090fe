#include "agent/engine/x86/matrix.h"

#include <algorithm>
#include <cstring>

namespace godwit::engine::x86 {

namespace {

auto round_up(uint64_t bytes) -> uint64_t {
  return (bytes + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
}

auto blocks_of(int32_t channels) -> int32_t {
  return (channels + kLanes - 1) / kLanes;
}

/// A width that leaves no group nearly empty.
auto width_for(Layout const& layout, int32_t blocks, int32_t rows) -> int32_t {
  int32_t const most = rows == 1 ? layout.row_width : layout.tile_width;
  if (blocks <= most) return blocks;
  return most == 4 && blocks % 4 && blocks % 3 == 0 ? 3 : most;
}

struct Places {
  uint64_t offsets, blocks, weights, end;

  Places(int32_t channels, Runs const& runs)
      : offsets(round_up(sizeof(Matrix))),
        blocks(offsets + round_up(sizeof(int32_t) * static_cast<uint32_t>(runs.steps()))),
        weights(blocks + sizeof(Block) * static_cast<uint32_t>(blocks_of(channels))),
        end(weights + uint64_t{static_cast<uint32_t>(blocks_of(channels) * kLanes)} *
                          static_cast<uint32_t>(runs.steps() * kDepth)) {}
};

/// Weights of one step of one block, lane by lane; adds to the sum of each lane.
void pack_step(Step const& step, Layout const& layout, Runs const& runs, int32_t block,
               int32_t depth_step, int8_t* out, uint32_t* sums) {
  auto const channels = static_cast<int32_t>(step.channels().size());
  int32_t const run = depth_step / runs.steps_per_run();
  int32_t const first = depth_step % runs.steps_per_run() * kDepth;
  int32_t const values = std::min(kDepth, runs.run_bytes - first);
  ptrdiff_t const start = (ptrdiff_t{run} * runs.run_bytes + first) * runs.depth_stride;
  for (int32_t lane = 0; lane < kLanes; ++lane) {
    int32_t const channel = block * kLanes + layout.channel(lane);
    if (channel >= channels) continue;
    auto const* weights = step.inputs[1].int8() + start + channel * runs.channel_stride;
    for (int32_t i = 0; i < values; ++i, weights += runs.depth_stride) {
      out[layout.place(lane, i)] = *weights;
      sums[lane] += static_cast<uint32_t>(*weights);
    }
  }
}

/// Nothing is scaled to nothing by any shift: the common ones are cheaper.
auto effective(proto::Multiplier m) -> proto::Multiplier {
  return m.value == 0 ? proto::Multiplier{.value = 0, .shift = -1} : m;
}

}  // namespace

auto fits_factor(proto::Multiplier multiplier, int64_t largest) -> bool {
  int32_t const shift = effective(multiplier).shift;
  // Values may wrap as they will, but not what is shifted to the left, nor the result.
  return shift < 0 || largest <= INT64_C(0x3fffffff) >> (shift + 1);
}

auto fits_blocks(Step const& step, int64_t depth) -> bool {
  // What a sum may be, whatever the weights are: activations less zero point lie in [-255, 255].
  int64_t const products = depth * 255 * 128;
  auto const channels = step.channels();
  for (size_t i = 0; i < channels.size(); ++i)
    if (auto const c = channels[i];
        !fits_factor(c.multiplier, std::abs(int64_t{c.bias}) + products))
      return false;
  return true;
}

void set_lane(Block& block, int32_t lane, Channel const& channel) {
  auto const m = effective(channel.multiplier);
  block.bias[lane] = channel.bias;
  block.multiplier[lane] = m.value;
  block.shift[lane] = m.shift < 0 ? 31 - m.shift : 32;
  block.left[lane] = m.shift < 0 ? 0 : m.shift + 1;
}

void set_lanes(Step const& step, Layout const& layout, int32_t index, uint32_t const* weight_sums,
               Block& block) {
  auto const channels = step.channels();
  auto const moved = static_cast<uint32_t>(layout.offset() + step.inputs[0].zero_point);
  for (int32_t lane = 0; lane < kLanes; ++lane) {
    auto const i = static_cast<size_t>(index * kLanes + layout.channel(lane));
    // Lanes past the last channel are computed but never stored.
    auto channel = i < channels.size() ? channels[i] : Channel{0, {.value = 0, .shift = -1}};
    channel.bias =
        static_cast<int32_t>(static_cast<uint32_t>(channel.bias) - weight_sums[lane] * moved);
    set_lane(block, lane, channel);
  }
}

auto finish_of(Step const& step, proto::Clamp clamp) -> Finish {
  auto const channels = step.channels();
  int32_t const zero_point = step.output().zero_point;
  auto scaling = clamp.low < zero_point ? Scaling::tied : Scaling::plain;
  for (size_t i = 0; i < channels.size(); ++i)
    if (effective(channels[i].multiplier).shift >= 0) scaling = Scaling::shifted;
  return {zero_point, clamp, scaling};
}

auto matrix_bytes(int32_t channels, Runs const& runs) -> uint64_t {
  return round_up(Places(channels, runs).end);
}

void pack_matrix(Step const& step, Layout const& layout, Finish const& finish, Runs const& runs,
                 int32_t const* run_offsets, int32_t rows, uint8_t* packed) {
  auto const channels = static_cast<int32_t>(step.channels().size());
  Places const places(channels, runs);
  std::memset(packed, 0, matrix_bytes(channels, runs));
  auto& matrix = *reinterpret_cast<Matrix*>(packed);
  matrix.channels = channels;
  matrix.blocks = blocks_of(channels);
  matrix.width = width_for(layout, matrix.blocks, rows);
  matrix.steps = runs.steps();
  matrix.finish = finish;
  matrix.offsets_at = static_cast<uint32_t>(places.offsets);
  matrix.blocks_at = static_cast<uint32_t>(places.blocks);
  matrix.weights_at = static_cast<uint32_t>(places.weights);

  auto* const offsets = reinterpret_cast<int32_t*>(packed + places.offsets);
  for (int32_t s = 0; s < matrix.steps; ++s)
    offsets[s] = run_offsets[s / runs.steps_per_run()] + s % runs.steps_per_run() * kDepth;

  auto* const blocks = reinterpret_cast<Block*>(packed + places.blocks);
  auto* const weights = reinterpret_cast<int8_t*>(packed + places.weights);
  for (int32_t b = 0; b < matrix.blocks; ++b) {
    int32_t const group = b / matrix.width * matrix.width;
    int32_t const width = std::min(matrix.width, matrix.blocks - group);
    uint32_t sums[kLanes] = {};
    for (int32_t s = 0; s < matrix.steps; ++s) {
      ptrdiff_t const at = ptrdiff_t{group} * matrix.steps + ptrdiff_t{s} * width + (b - group);
      pack_step(step, layout, runs, b, s, weights + at * kLanes * kDepth, sums);
    }
    set_lanes(step, layout, b, sums, blocks[b]);
  }
}

}  // namespace godwit::engine::x86
