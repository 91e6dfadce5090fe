// Depthwise convolutions by pmaddwd: two taps of sixteen channels are interleaved and multiplied.
#include "agent/engine/x86/avx2.h"
#include "agent/engine/x86/depthwise.h"

namespace godwit::engine::x86 {

namespace {

/// One column of sixteen channels.
GODWIT_INLINE auto window_sums(Depthwise const& d, Block const& block, int16_t const* weights,
                               int16_t const* at) -> Halves {
  Halves sums{load256(block.bias), load256(block.bias + 8)};
  auto const* tap = d.taps();
  for (int32_t g = 0; g < d.tap_groups; ++g, tap += 2, weights += 2 * kLanes) {
    auto const a = load256(at + tap[0]);
    auto const b = load256(at + tap[1]);
    auto const low = _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), load256(weights));
    auto const high = _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), load256(weights + kLanes));
    sums = {_mm256_add_epi32(sums.low, low), _mm256_add_epi32(sums.high, high)};
  }
  return sums;
}

template <Scaling kScaling>
void all_columns(Depthwise const& d, Convolution const& conv, int32_t b, int16_t const* copy,
                 int32_t lines, int8_t* output) {
  ptrdiff_t const column = ptrdiff_t{conv.p.window.stride_width} * d.channels;
  int32_t const width = conv.out[2];
  int32_t const channel = b * kLanes;
  int32_t const lanes = d.channels - channel < kLanes ? d.channels - channel : kLanes;
  auto const& block = d.block(b);
  auto const* const weights = reinterpret_cast<int16_t const*>(d.weights(b));
  Avx2Finish<kScaling> const finish(block, d.finish);
  for (int32_t y = 0; y < lines; ++y) {
    int8_t* out = output + ptrdiff_t{y} * width * d.channels + channel;
    auto const* at = copy + y * conv.p.window.stride_height * d.pitch + channel;
    for (int32_t x = 0; x < width; x += 2, at += 2 * column, out += 2 * d.channels) {
      auto const first = window_sums(d, block, weights, at);
      bool const both = x + 1 < width;
      auto const second = both ? window_sums(d, block, weights, at + column) : first;
      auto const bytes = finish.bytes(first, second);
      store_lanes(out, _mm256_castsi256_si128(bytes), lanes);
      if (both) store_lanes(out + d.channels, _mm256_extracti128_si256(bytes, 1), lanes);
    }
  }
}

}  // namespace

void depthwise_strip_avx2(Depthwise const& d, Convolution const& conv, void const* copy,
                          int32_t lines, int8_t* output) {
  auto const* const words = static_cast<int16_t const*>(copy);
  constexpr decltype(&all_columns<Scaling::whole>) kColumns[] = {
      all_columns<Scaling::whole>, all_columns<Scaling::line>, all_columns<Scaling::lines>};
  for (int32_t b = 0; b < d.blocks; ++b)
    kColumns[static_cast<size_t>(d.block(b).scaling)](d, conv, b, words, lines, output);
}

}  // namespace godwit::engine::x86
