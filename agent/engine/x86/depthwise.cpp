#include "agent/engine/x86/depthwise.h"

namespace godwit::engine::x86 {

namespace {

constexpr int32_t kTapsMax = 1 << 12;
constexpr int32_t kLinesTogether = 2;  // lines of output that kernels work on at once
constexpr int32_t kLinesTooFar = 8;    // of output, whose input kernels may read for nothing
constexpr int64_t kDepthwiseStripBytes = 96 << 10;

auto round_up(uint64_t bytes) -> uint64_t {
  return (bytes + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
}

/// A window for which there is a kernel of its own, where bytes are multiplied.
auto is_three_by_three(Convolution const& conv, Layout const& layout) -> bool {
  auto const& p = conv.p;
  return !layout.words && weight_parts(conv.step) == 1 && conv.kernel_height == 3 &&
         conv.kernel_width == 3 && p.dilation_height == 1 && p.dilation_width == 1 &&
         p.window.stride_height == p.window.stride_width && p.window.stride_height <= 2;
}

/// Columns in a vector, of which each has all channels.
auto columns_of(Convolution const& conv, Layout const& layout) -> int32_t {
  int32_t const channels = conv.out[3];
  bool const together =
      layout.words ? conv.p.window.stride_width == 1 : is_three_by_three(conv, layout);
  return together && channels < kLanes && kLanes % channels == 0 ? kLanes / channels : 1;
}

/// Taps of the window, once for each part of the weights.
auto taps_of(Convolution const& conv) -> int32_t {
  return conv.kernel_height * conv.kernel_width * weight_parts(conv.step);
}

/// Windows of one column that slide by one line: four of them see mostly the same lines.
auto slides_down(Convolution const& conv, Layout const& layout) -> bool {
  return !layout.words && weight_parts(conv.step) == 1 && conv.kernel_width == 1 &&
         conv.p.window.stride_height == 1 && conv.p.dilation_height == 1 && conv.out[1] > 1;
}

auto tap_groups_of(Convolution const& conv, Layout const& layout) -> int32_t {
  if (slides_down(conv, layout)) return (taps_of(conv) + kDepth - 1 + kDepth - 1) / kDepth;
  return is_three_by_three(conv, layout) ? 3 : (taps_of(conv) + layout.taps() - 1) / layout.taps();
}

auto blocks_of(Convolution const& conv) -> int32_t {
  return (conv.out[3] + kLanes - 1) / kLanes;
}

auto shifts_of(Convolution const& conv, Layout const& layout) -> int32_t {
  if (slides_down(conv, layout)) return kDepth;
  bool const pairs = is_three_by_three(conv, layout) && columns_of(conv, layout) == 1 &&
                     conv.p.window.stride_width == 1;
  return pairs ? 2 : 1;
}

/// Lines of a strip, which kernels take by twos. Every strip copies anew what two of them see.
auto strip_lines(Convolution const& conv) -> int32_t {
  int64_t const line = int64_t{conv.p.window.stride_height} * conv.in[2] * conv.in[3];
  int64_t const lines = std::max<int64_t>(kDepthwiseStripBytes / line, kLinesTogether) / 2 * 2;
  return static_cast<int32_t>(std::min<int64_t>(lines, conv.out[1]));
}

struct Places {
  uint64_t taps, blocks, weights, end;

  Places(Convolution const& conv, Layout const& layout)
      : taps(round_up(sizeof(Depthwise))),
        blocks(taps + round_up(sizeof(int32_t) * kDepth *
                               static_cast<uint32_t>(tap_groups_of(conv, layout)))),
        weights(blocks + sizeof(Block) * static_cast<uint32_t>(blocks_of(conv))),
        end(weights + uint64_t{kLanes * kDepth} * static_cast<uint32_t>(shifts_of(conv, layout)) *
                          static_cast<uint32_t>(blocks_of(conv) * tap_groups_of(conv, layout))) {}
};

/// Where the weight of tap `t` goes for a lane, from the weights of its block on, in the copy that
/// is `shift` taps further.
auto place_of(Depthwise const& d, Layout const& layout, int32_t lane, int32_t t, int32_t shift)
    -> int32_t {
  int32_t const group = d.three_by_three ? t / 3 : (t + shift) / layout.taps();
  int32_t const place = d.three_by_three ? t % 3 + shift : (t + shift) % layout.taps();
  return (shift * d.tap_groups + group) * kLanes * kDepth +
         (lane * layout.taps() + place) * layout.value_bytes();
}

auto channel_of(Depthwise const& d, Layout const& layout, int32_t b, int32_t lane) -> int32_t {
  int32_t const place = layout.channel(lane);
  return d.columns > 1 ? place % d.channels : b * kLanes + place;
}

void pack_block(Convolution const& conv, Layout const& layout, Depthwise const& d, int32_t b,
                int8_t* weights, WeightSum* sums) {
  int8_t const* const from = conv.step.inputs[1].int8();
  int32_t const parts = weight_parts(conv.step);
  int32_t const once = taps_of(conv) / parts;
  for (int32_t lane = 0; lane < kLanes; ++lane) {
    int32_t const channel = channel_of(d, layout, b, lane);
    if (channel >= d.channels) continue;
    for (int32_t t = 0; t < taps_of(conv); ++t) {
      int8_t const value = weight_part(from[ptrdiff_t{t % once} * d.channels + channel],
                                       conv.step.inputs[1].zero_point, parts, t / once);
      for (int32_t shift = 0; shift < d.shifts; ++shift) {
        int8_t* const to = weights + place_of(d, layout, lane, t, shift);
        to[0] = value;
        if (layout.words) to[1] = value < 0 ? -1 : 0;
      }
      sums[lane].add(value);
    }
  }
}

/// All channels again for each further column that a vector holds.
void repeat_lanes(Layout const& layout, Block& block, int32_t channels) {
  for (int32_t place = channels; place < kLanes; ++place)
    copy_lane(block, layout.channel(place % channels), layout.channel(place));
}

/// Which byte of a load becomes tap `t` of a lane.
auto source_of(Convolution const& conv, int32_t columns, int32_t lane, int32_t t) -> uint8_t {
  if (columns == 1) return static_cast<uint8_t>(t * kLanes + lane);
  int32_t const channels = conv.out[3];
  int32_t const pixel = lane / channels * conv.p.window.stride_width + std::min(t, 2);
  return static_cast<uint8_t>(pixel * channels + lane % channels);
}

}  // namespace

auto depthwise_fits(Step const& step, Layout const& layout) -> bool {
  Convolution const conv(step);
  return conv.in[3] == conv.out[3] && taps_of(conv) <= kTapsMax && fits_weights(step) &&
         depthwise_scratch_bytes(step, layout) <= kCopyBytesMax && fits_blocks(step, taps_of(conv));
}

auto depthwise_packed_bytes(Step const& step, Layout const& layout) -> uint64_t {
  return round_up(Places(Convolution(step), layout).end);
}

void depthwise_pack(Step const& step, Layout const& layout, uint8_t* packed) {
  Convolution const conv(step);
  Places const places(conv, layout);
  std::memset(packed, 0, depthwise_packed_bytes(step, layout));
  auto& d = *reinterpret_cast<Depthwise*>(packed);
  d.channels = conv.out[3];
  d.columns = columns_of(conv, layout);
  d.blocks = blocks_of(conv);
  d.tap_groups = tap_groups_of(conv, layout);
  d.three_by_three = is_three_by_three(conv, layout);
  d.shifts = shifts_of(conv, layout);
  d.strip_lines = strip_lines(conv);
  d.pitch = conv.copy_pitch();
  d.finish = finish_of(step, conv.p.clamp);
  d.taps_at = static_cast<uint32_t>(places.taps);
  d.blocks_at = static_cast<uint32_t>(places.blocks);
  d.weights_at = static_cast<uint32_t>(places.weights);
  for (int32_t lane = 0; lane < kLanes; ++lane)
    for (int32_t t = 0; t < kDepth; ++t)
      d.order[lane * kDepth + t] = source_of(conv, d.columns, lane, t);
  auto* const taps = reinterpret_cast<int32_t*>(packed + places.taps);
  // What fills the last group up has the weight 0 and is read from the first tap.
  for (int32_t t = 0; t < taps_of(conv); ++t) {
    int32_t const tap = t % (conv.kernel_height * conv.kernel_width);
    taps[d.three_by_three ? t / 3 * kDepth + t % 3 : t] = static_cast<int32_t>(
        tap / conv.kernel_width * conv.p.dilation_height * d.pitch +
        ptrdiff_t{tap % conv.kernel_width} * conv.p.dilation_width * d.channels);
  }
  auto* const blocks = reinterpret_cast<Block*>(packed + places.blocks);
  for (int32_t b = 0; b < d.blocks; ++b) {
    WeightSum sums[kLanes] = {};
    pack_block(conv, layout, d, b, const_cast<int8_t*>(d.weights(b)), sums);
    set_lanes(step, layout, b, sums, blocks[b]);
    if (d.columns > 1) repeat_lanes(layout, blocks[b], d.channels);
    Reaches reaches{};
    for (int32_t lane = 0; lane < kLanes; ++lane)
      if (auto const i = channel_of(d, layout, b, lane); i < d.channels)
        reaches[lane] = reach_of(step, static_cast<size_t>(i), sums[lane]);
    straighten(blocks[b], reaches, d.finish);
  }
}

auto depthwise_scratch_bytes(Step const& step, Layout const& layout) -> uint64_t {
  Convolution const conv(step);
  return conv.copy_bytes(layout, strip_lines(conv) + kLinesTooFar) +
         2 * kLanes * static_cast<uint64_t>(conv.out[3]);
}

void depthwise_run(Step const& step, Layout const& layout, DepthwiseStrip strip, void* scratch,
                   Part part) {
  Convolution const conv(step);
  auto const& d = *reinterpret_cast<Depthwise const*>(step.packed);
  auto const& out = conv.out;
  int32_t const first = part.begin(out[1]);
  int32_t const end = part.end(out[1]);
  for (int32_t batch = 0; batch < out[0]; ++batch) {
    int8_t* output = step.output().int8() + (ptrdiff_t{batch} * out[1] + first) * out[2] * out[3];
    for (int32_t y = first; y < end; y += d.strip_lines) {
      int32_t const lines = std::min(d.strip_lines, end - y);
      conv.copy(layout, batch, conv.top(y), conv.window_height(lines), scratch);
      strip(d, conv, scratch, lines, output);
      output += ptrdiff_t{lines} * out[2] * out[3];
    }
  }
}

}  // namespace godwit::engine::x86
