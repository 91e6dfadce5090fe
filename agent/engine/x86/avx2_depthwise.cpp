// Depthwise convolutions by pmaddwd: two taps of sixteen channels are interleaved and multiplied.
#include "agent/engine/x86/depthwise.h"
#include "agent/engine/x86/ymm_matrix.h"

namespace godwit::engine::x86 {

namespace {

/// Loaded once: g++ would load operands again where they are used, and loads are what this waits
/// for.
GODWIT_INLINE auto load_once(void const* from) -> __m256i {
  auto value = load256(from);
  asm("" : "+x"(value));
  return value;
}

/// Of `count` vectors, some at a time. Sixteen lanes are one column of as many channels, or several
/// of fewer; the next vector is `next` values further.
template <int kVectors>
[[gnu::noinline]] void sum_windows(Depthwise const& d, int32_t b, int16_t const* at, ptrdiff_t next,
                                   int32_t count, int32_t* sums) {
  auto const* const weights = reinterpret_cast<int16_t const*>(d.weights(b));
  auto const* const taps = d.taps();
  auto const groups = ptrdiff_t{d.tap_groups};
  auto const bias_low = load256(d.block(b).bias);
  auto const bias_high = load256(d.block(b).bias + 8);
  for (; count > 0; count -= kVectors, at += kVectors * next, sums += kVectors * kLanes) {
    __m256i low[kVectors];
    __m256i high[kVectors];
#pragma GCC unroll 2
    for (int i = 0; i < kVectors; ++i) {
      low[i] = bias_low;
      high[i] = bias_high;
    }
    for (ptrdiff_t g = 0; g < groups; ++g) {
      auto const w_low = load_once(weights + g * 2 * kLanes);
      auto const w_high = load_once(weights + g * 2 * kLanes + kLanes);
      ptrdiff_t const tap[2] = {taps[2 * g], taps[2 * g + 1]};
#pragma GCC unroll 2
      for (int i = 0; i < kVectors; ++i) {
        auto const a = load_once(at + i * next + tap[0]);
        auto const c = load_once(at + i * next + tap[1]);
        low[i] = _mm256_add_epi32(low[i], _mm256_madd_epi16(_mm256_unpacklo_epi16(a, c), w_low));
        high[i] = _mm256_add_epi32(high[i], _mm256_madd_epi16(_mm256_unpackhi_epi16(a, c), w_high));
      }
    }
#pragma GCC unroll 2
    for (int i = 0; i < kVectors; ++i) {
      store256(sums + i * kLanes, low[i]);
      store256(sums + i * kLanes + kLanes / 2, high[i]);
    }
  }
}

constexpr int32_t kTogether = 64;  // vectors of sums that are requantised together

/// One block's outputs. Lines follow each other as columns do, unless the last of a line's vectors
/// is not full; lines of one column are one line.
void block_outputs(Depthwise const& d, Convolution const& conv, int32_t b, int16_t const* words,
                   int32_t lines, int8_t* output) {
  ptrdiff_t const next_line = conv.p.window.stride_height * d.pitch;
  bool const upright = conv.out[2] == 1 && d.columns == 1;
  ptrdiff_t const next =
      upright ? next_line : ptrdiff_t{d.columns} * conv.p.window.stride_width * d.channels;
  int32_t const width = upright ? lines : conv.out[2];
  ptrdiff_t const next_output = ptrdiff_t{d.columns} * d.channels;
  int32_t const lanes = d.channels - b * kLanes < kLanes ? d.channels - b * kLanes : kLanes;
  alignas(kMemoryAlignment) int32_t sums[kTogether * kLanes];
  int32_t count = 0;
  auto const flush = [&](int32_t rest) __attribute__((noinline)) {
    // `rest`: columns of a last vector that is not full
    int32_t const whole = count - (rest != 0);
    finish_block_avx2(d.block(b), d.finish, sums, whole, lanes * d.columns, output, next_output);
    output += whole * next_output;
    if (rest)
      finish_block_avx2(d.block(b), d.finish, sums + whole * kLanes, 1, rest * d.channels, output,
                        0);
    output += rest * d.channels;
    count = 0;
  };
  int32_t const rest = width % d.columns;
  for (int32_t y = 0; y < (upright ? 1 : lines); ++y) {
    auto const* at = words + y * next_line;
    for (int32_t left = width / d.columns + (rest != 0); left > 0;) {
      if (count + left > kTogether && count > 0) flush(0);
      int32_t const here = left < kTogether ? left : kTogether;
      sum_windows<2>(d, b, at, next, here / 2 * 2, sums + count * kLanes);
      at += here * next;
      count += here;
      if (here % 2) sum_windows<1>(d, b, at - next, next, 1, sums + (count - 1) * kLanes);
      left -= here;
    }
    if (rest) flush(rest);
  }
  flush(0);
}

}  // namespace

void depthwise_strip_avx2(Depthwise const& d, Convolution const& conv, void const* copy,
                          int32_t lines, int8_t* output) {
  for (int32_t b = 0; b < d.blocks; ++b)
    block_outputs(d, conv, b, static_cast<int16_t const*>(copy) + b * kLanes, lines,
                  output + b * kLanes);
}

}  // namespace godwit::engine::x86
