#include "agent/engine/x86/matrix.h"

#include <algorithm>
#include <cstring>

#include "agent/engine/x86/lines.h"

namespace godwit::engine::x86 {

namespace {

auto round_up(uint64_t bytes) -> uint64_t {
  return (bytes + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
}

auto blocks_of(int32_t channels) -> int32_t {
  return (channels + kLanes - 1) / kLanes;
}

/// A width that leaves no group nearly empty; half a block goes with two whole ones at most.
auto width_for(Layout const& layout, int32_t blocks, int32_t rows, bool half) -> int32_t {
  int32_t const most = rows == 1 ? layout.row_width : layout.tile_width;
  if (half && blocks % 4 == 0) return 3;
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

/// The weights of one step, and where they go for each lane.
class StepWeights {
 public:
  StepWeights(Step const& step, Runs const& runs, int32_t depth_step) : runs_(runs) {
    int32_t const once = runs.count / runs.parts;
    int32_t const run = depth_step / runs.steps_per_run() % once;
    part_ = depth_step / runs.steps_per_run() / once;
    zero_point_ = step.inputs[1].zero_point;
    int32_t const first = depth_step % runs.steps_per_run() * kDepth;
    values_ = std::clamp(runs.run_bytes - first, 0, kDepth);
    channels_ = static_cast<int32_t>(step.channels().size());
    at_ = step.inputs[1].int8() + (ptrdiff_t{run} * runs.run_bytes + first) * runs.depth_stride;
  }

  /// One after another from `out` on, `place(i)` apart; adds to the sum.
  template <typename Place>
  void put(int32_t channel, int8_t* out, Place place, WeightSum& sum) const {
    if (channel >= channels_) return;
    auto const* weights = at_ + channel * runs_.channel_stride;
    for (int32_t i = 0; i < values_; ++i, weights += runs_.depth_stride) {
      out[place(i)] = weight_part(*weights, zero_point_, runs_.parts, part_);
      sum.add(out[place(i)]);
    }
  }

 private:
  Runs const& runs_;
  int8_t const* at_;
  int32_t values_, channels_, part_, zero_point_;
};

/// A group of whole blocks from block `first` on; or one whose channels all lie in its first
/// vector.
void pack_group(Step const& step, Layout const& layout, Runs const& runs, int32_t first,
                int32_t width, bool first_vector, int8_t* out, WeightSum (*sums)[kLanes]) {
  for (int32_t s = 0; s < runs.steps(); ++s) {
    StepWeights const weights(step, runs, s);
    for (int32_t j = 0; j < width; ++j, out += kLanes * kDepth)
      for (int32_t lane = 0; lane < kLanes; ++lane) {
        int32_t const channel = layout.channel(lane);
        int32_t const to = first_vector ? channel : lane;
        weights.put((first + j) * kLanes + channel, out,
                    [&](int32_t i) { return layout.place(to, i); }, sums[j][lane]);
      }
  }
}

/// A last group with half a block: two steps of the whole ones, then both of the half, lane by
/// lane in turn.
void pack_half_group(Step const& step, Runs const& runs, int32_t first, int32_t width, int8_t* out,
                     WeightSum (*sums)[kLanes]) {
  int32_t const full = width - 1;
  constexpr int32_t kVector = kLanes * kDepth;
  for (int32_t s = 0; s < runs.steps(); ++s) {
    StepWeights const weights(step, runs, s);
    int8_t* const pair = out + ptrdiff_t{s / 2} * (2 * full + 1) * kVector;
    int32_t const odd = s % 2;
    for (int32_t j = 0; j < full; ++j)
      for (int32_t lane = 0; lane < kLanes; ++lane)
        weights.put((first + j) * kLanes + lane, pair + (odd * full + j) * kVector,
                    [&](int32_t i) { return lane * kDepth + i; }, sums[j][lane]);
    for (int32_t c = 0; c < kLanes / 2; ++c)
      weights.put((first + full) * kLanes + c, pair + 2 * full * kVector,
                  [&](int32_t i) { return (2 * c + odd) * kDepth + i; }, sums[full][c]);
  }
}

/// Two lanes for each channel of half a block.
void double_lanes(Block& block, Reaches& reaches) {
  for (int32_t lane = kLanes; lane-- > 0;) {
    copy_lane(block, lane / 2, lane);
    reaches[lane] = reaches[lane / 2];
  }
}

/// Nothing is scaled to nothing by any shift: the common ones are cheaper.
auto effective(proto::Multiplier m) -> proto::Multiplier {
  return m.value == 0 ? proto::Multiplier{.value = 0, .shift = -1} : m;
}

}  // namespace

auto weight_parts(Step const& step) -> int32_t {
  return step.inputs[1].zero_point == 0 ? 1 : 2;
}

auto weight_part(int32_t weight, int32_t zero_point, int32_t parts, int32_t part) -> int8_t {
  int32_t const first = (weight - zero_point) / parts;
  return static_cast<int8_t>(part == 0 ? first : weight - zero_point - first);
}

auto fits_weights(Step const& step) -> bool {
  return step.inputs[1].zero_point > -128;
}

auto fits_factor(proto::Multiplier multiplier, int64_t largest, proto::Rounding rounding) -> bool {
  int32_t const shift = effective(multiplier).shift;
  // Values may wrap as they will, but not what is shifted to the left, nor the result.
  if (shift < 0) return rounding == proto::Rounding::twice || largest <= INT64_C(0x3fffffff);
  return largest <= INT64_C(0x3fffffff) >> (shift + 1);
}

auto fits_blocks(Step const& step, int64_t depth) -> bool {
  // What a sum may be, whatever the weights are: activations less zero point lie in [-255, 255].
  int64_t const products = depth * 255 * 128;
  auto const channels = step.channels();
  for (size_t i = 0; i < channels.size(); ++i)
    if (auto const c = channels[i];
        !fits_factor(c.multiplier, std::abs(int64_t{c.bias}) + products, step.op.rounding()))
      return false;
  return true;
}

void set_lane(Block& block, int32_t lane, Channel const& channel, proto::Rounding rounding) {
  auto const m = effective(channel.multiplier);
  block.bias[lane] = channel.bias;
  block.whole.multiplier[lane] = m.value;
  bool const twice = m.shift < 0 && rounding == proto::Rounding::twice;
  block.whole.shift[lane] = (twice ? 31 : 32) + std::max(-m.shift, 0);
  block.whole.left[lane] = twice ? 0 : 1 + std::max(m.shift, 0);
  block.scaling = Scaling::whole;
}

void copy_lane(Block& block, int32_t from, int32_t to) {
  block.bias[to] = block.bias[from];
  block.whole.multiplier[to] = block.whole.multiplier[from];
  block.whole.shift[to] = block.whole.shift[from];
  block.whole.left[to] = block.whole.left[from];
}

void set_lanes(Step const& step, Layout const& layout, int32_t index, WeightSum const* weights,
               Block& block) {
  auto const channels = step.channels();
  auto const moved = static_cast<uint32_t>(layout.offset() + step.inputs[0].zero_point);
  for (int32_t lane = 0; lane < kLanes; ++lane) {
    auto const i = static_cast<size_t>(index * kLanes + layout.channel(lane));
    // Lanes past the last channel are computed but never stored.
    auto channel = i < channels.size() ? channels[i] : Channel{0, {.value = 0, .shift = -1}};
    channel.bias =
        static_cast<int32_t>(static_cast<uint32_t>(channel.bias) - weights[lane].sum * moved);
    set_lane(block, lane, channel, step.op.rounding());
  }
}

auto reach_of(Step const& step, size_t channel, WeightSum const& weights) -> int64_t {
  int32_t const zero_point = step.inputs[0].zero_point;
  auto const bias = int64_t{step.channels()[channel].bias};
  return static_cast<int64_t>(weights.magnitudes) * std::max(127 - zero_point, zero_point + 128) +
         std::abs(bias);
}

void straighten(Block& block, Reaches const& reaches, Finish const& finish) {
  int32_t const zero_point = finish.zero_point;
  proto::Clamp const clamp{finish.clamp.low - zero_point, finish.clamp.high - zero_point};
  bool const twice = std::any_of(block.whole.left, block.whole.left + kLanes,
                                 [](int32_t left) { return left == 0; });
  bool const split = twice && clamp.low < 0;
  Straight straight;
  int32_t bias[kLanes];
  Lines lines;
  for (int32_t lane = 0; lane < kLanes; ++lane) {
    int32_t const left = block.whole.left[lane];
    proto::Multiplier const m{block.whole.multiplier[lane], 31 + left - block.whole.shift[lane]};
    auto const rounding = left ? proto::Rounding::once : proto::Rounding::twice;
    // Operators of values have one factor for all lanes.
    bool const as_before = lane > 0 && reaches[lane] == reaches[lane - 1] &&
                           m.value == block.whole.multiplier[lane - 1] &&
                           left == block.whole.left[lane - 1] &&
                           block.whole.shift[lane] == block.whole.shift[lane - 1];
    if (!as_before) lines = find_lines({m, rounding}, reaches[lane], clamp, split);
    if (!lines.found) return;
    if (!split) lines.negative = lines.rest;
    // Numbers whose float32 have their units in the last bit.
    constexpr int32_t kMiddle = 3 << 22;
    bias[lane] = block.bias[lane] + lines.rest.offset;
    straight.factor[lane] = lines.factor;
    straight.base[lane] = static_cast<float>(kMiddle + lines.rest.base + zero_point);
    straight.negative_base[lane] = static_cast<float>(kMiddle + lines.negative.base + zero_point);
    straight.turn[lane] = lines.rest.offset;
    straight.step[lane] = lines.negative.offset - lines.rest.offset;
  }
  std::copy_n(bias, kLanes, block.bias);
  block.straight = straight;
  block.scaling = split ? Scaling::lines : Scaling::line;
}

auto finish_of(Step const& step, proto::Clamp clamp) -> Finish {
  return {step.output().zero_point, clamp};
}

auto ends_half(Layout const& layout, int32_t channels, Runs const& runs) -> bool {
  int32_t const last = channels % kLanes;
  // Whole blocks beside it are not to do steps that only fill up.
  return layout.halves && last >= 1 && last <= kLanes / 2 &&
         (channels < kLanes || runs.steps_per_run() % 2 == 0);
}

auto matrix_bytes(int32_t channels, Runs const& runs) -> uint64_t {
  return round_up(Places(channels, runs).end);
}

auto begin_matrix(int32_t channels, Runs const& runs, uint8_t* packed) -> Matrix& {
  Places const places(channels, runs);
  std::memset(packed, 0, matrix_bytes(channels, runs));
  auto& matrix = *reinterpret_cast<Matrix*>(packed);
  matrix.channels = channels;
  matrix.blocks = blocks_of(channels);
  matrix.steps = runs.steps();
  matrix.offsets_at = static_cast<uint32_t>(places.offsets);
  matrix.blocks_at = static_cast<uint32_t>(places.blocks);
  matrix.weights_at = static_cast<uint32_t>(places.weights);
  return matrix;
}

void pack_matrix(Step const& step, Layout const& layout, Finish const& finish, Runs const& runs,
                 int32_t const* run_offsets, int32_t rows, uint8_t* packed) {
  auto const channels = static_cast<int32_t>(step.channels().size());
  auto& matrix = begin_matrix(channels, runs, packed);
  matrix.width = width_for(layout, matrix.blocks, rows, runs.even);
  bool const one_vector = layout.words && rows > 1 && (channels - 1) % kLanes < kLanes / 2;
  matrix.half = runs.even || one_vector;
  matrix.finish = finish;

  auto* const offsets = reinterpret_cast<int32_t*>(packed + matrix.offsets_at);
  for (int32_t s = 0; s < matrix.steps; ++s)
    offsets[s] = run_offsets[s / runs.steps_per_run()] + s % runs.steps_per_run() * kDepth;

  auto* const blocks = reinterpret_cast<Block*>(packed + matrix.blocks_at);
  auto* const weights = reinterpret_cast<int8_t*>(packed + matrix.weights_at);
  for (int32_t first = 0; first < matrix.blocks; first += matrix.width) {
    int32_t const width = std::min(matrix.width, matrix.blocks - first);
    bool const half = runs.even && first + width == matrix.blocks;
    auto* const out = weights + ptrdiff_t{first} * matrix.steps * kLanes * kDepth;
    WeightSum sums[kWidthMax][kLanes] = {};
    if (half)
      pack_half_group(step, runs, first, width, out, sums);
    else
      pack_group(step, layout, runs, first, width, one_vector && first + width == matrix.blocks,
                 out, sums);
    for (int32_t j = 0; j < width; ++j) {
      auto& block = blocks[first + j];
      set_lanes(step, layout, first + j, sums[j], block);
      Reaches reaches{};
      for (int32_t lane = 0; lane < kLanes; ++lane)
        if (auto const i = (first + j) * kLanes + layout.channel(lane); i < channels)
          reaches[lane] = reach_of(step, static_cast<size_t>(i), sums[j][lane]);
      if (half && first + j == matrix.blocks - 1) double_lanes(block, reaches);
      if (rows >= kRowsMax) straighten(block, reaches, finish);  // Fewer do not repay the search.
    }
  }
}

}  // namespace godwit::engine::x86
