#include "agent/engine/arm/matrix.h"

#include <algorithm>
#include <cstring>

namespace godwit::engine::arm {

namespace {

auto block_count(int32_t channels) -> int32_t {
  return (channels + kLanes - 1) / kLanes;
}

/// Where value `k` of sixteen of a channel of four lies.
auto place(Order order, int32_t channel, int32_t k) -> int32_t {
  if (order == Order::channels) return channel * kDepth + k;
  return k / 8 * 32 + channel * 8 + k % 8;
}

}  // namespace

auto block_of(Step const& step, size_t first, uint32_t const* weight_sums) -> Block {
  auto const channels = step.channels();
  auto const zero_point = static_cast<uint32_t>(step.inputs[0].zero_point);
  Block block{};
  for (size_t lane = 0; lane < kLanes && first + lane < channels.size(); ++lane) {
    auto const channel = channels[first + lane];
    block.bias[lane] =
        static_cast<int32_t>(static_cast<uint32_t>(channel.bias) - weight_sums[lane] * zero_point);
    block.multiplier[lane] = channel.multiplier.value;
    block.left[lane] = std::max(channel.multiplier.shift, 0);
    block.right[lane] = std::min(channel.multiplier.shift, 0);
  }
  return block;
}

auto matrix_bytes(int32_t channels, int32_t depth) -> uint64_t {
  auto const blocks = static_cast<uint64_t>(block_count(channels));
  return blocks * (sizeof(Block) + kLanes * static_cast<uint64_t>(padded(depth)));
}

void pack_matrix(Step const& step, Order order, int32_t depth, ptrdiff_t channel_stride,
                 ptrdiff_t depth_stride, uint8_t* packed) {
  auto const channels = static_cast<int32_t>(step.channels().size());
  auto const* const weights = step.inputs[1].int8();
  std::memset(packed, 0, matrix_bytes(channels, depth));
  auto* const blocks = reinterpret_cast<Block*>(packed);
  auto* out = reinterpret_cast<int8_t*>(blocks + block_count(channels));
  for (int32_t first = 0; first < channels; first += kLanes, out += kLanes * padded(depth)) {
    uint32_t sums[kLanes] = {};
    for (int32_t lane = 0; lane < std::min(kLanes, channels - first); ++lane)
      for (int32_t k = 0; k < depth; ++k) {
        int8_t const weight = weights[(first + lane) * channel_stride + k * depth_stride];
        out[k / kDepth * kDepth * kLanes + place(order, lane, k % kDepth)] = weight;
        sums[lane] += static_cast<uint32_t>(weight);
      }
    blocks[first / kLanes] = block_of(step, static_cast<size_t>(first), sums);
  }
}

auto matrix_of(Step const& step, int32_t depth, proto::Clamp clamp) -> Matrix {
  auto const channels = static_cast<int32_t>(step.channels().size());
  auto const* const blocks = reinterpret_cast<Block const*>(step.packed);
  return {blocks,
          reinterpret_cast<int8_t const*>(blocks + block_count(channels)),
          channels,
          padded(depth),
          {step.output().zero_point, clamp.low, clamp.high}};
}

}  // namespace godwit::engine::arm
