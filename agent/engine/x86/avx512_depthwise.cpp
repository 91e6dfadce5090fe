// Depthwise convolutions by vpdpbusd: four taps of sixteen lanes are brought together by one
// vpermb. Of a 3x3 window they are three neighbours in a line and the next, so that two columns of
// output come from one load, and lines slide down through registers.
#include "agent/engine/x86/avx512.h"
#include "agent/engine/x86/depthwise.h"

namespace godwit::engine::x86 {

namespace {

GODWIT_INLINE auto load16(int8_t const* from) -> __m128i {
  return _mm_loadu_si128(reinterpret_cast<__m128i const*>(from));
}

GODWIT_INLINE auto join(int8_t const* a, int8_t const* b, int8_t const* c, int8_t const* d)
    -> __m512i {
  __m512i v = _mm512_castsi128_si512(load16(a));
  v = _mm512_inserti32x4(v, load16(b), 1);
  v = _mm512_inserti32x4(v, load16(c), 2);
  return _mm512_inserti32x4(v, load16(d), 3);
}

/// Taps of each lane side by side, as uint8.
GODWIT_INLINE auto arranged(__m512i loaded, __m512i order) -> __m512i {
  return _mm512_xor_si512(_mm512_permutexvar_epi8(order, loaded), _mm512_set1_epi8(-128));
}

/// How the two vectors of output that belong to an iteration are read.
enum class Reading {
  pair,    // two columns from one load, by weights one tap apart
  wide,    // two columns, each from a load of its own
  narrow,  // as wide, but a vector holds all channels of several columns
};

/// What two vectors need of one line of input.
template <Reading kReading>
struct Line {
  __m512i first, second;

  static GODWIT_INLINE auto load(int8_t const* at, ptrdiff_t channels, ptrdiff_t next,
                                 __m512i order) -> Line {
    if constexpr (kReading == Reading::narrow)
      return {arranged(_mm512_loadu_si512(at), order),
              arranged(_mm512_loadu_si512(at + next), order)};
    auto const four = [&](int8_t const* p) {
      return arranged(join(p, p + channels, p + 2 * channels, p + 3 * channels), order);
    };
    if constexpr (kReading == Reading::pair) {
      auto const both = four(at);
      return {both, both};
    }
    return {four(at), four(at + next)};
  }
};

/// Where two vectors of output go. Whole ones are stored as such, which takes less time.
class Pair {
 public:
  Pair(ptrdiff_t apart, int32_t lanes, int32_t second_lanes)
      : apart_(apart),
        whole_(lanes == kLanes && second_lanes == kLanes),
        first_(static_cast<__mmask16>((1u << lanes) - 1)),
        second_(static_cast<__mmask16>((1u << second_lanes) - 1)) {}

  GODWIT_INLINE void store(int8_t* output, __m128i first, __m128i second) const {
    if (whole_) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(output), first);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(output + apart_), second);
    } else {
      _mm_mask_storeu_epi8(output, first_, first);
      _mm_mask_storeu_epi8(output + apart_, second_, second);
    }
  }

 private:
  ptrdiff_t apart_;
  bool whole_;
  __mmask16 first_, second_;
};

/// A stride of 0 is known only when it runs.
template <Reading kReading, int kStride, Scaling kScaling>
class ThreeByThree {
 public:
  ThreeByThree(Depthwise const& d, Convolution const& conv, int32_t b)
      : channels_(d.channels),
        pitch_(d.pitch),
        stride_(conv.p.window.stride_width),
        next_(ptrdiff_t{d.columns} * stride() * d.channels),
        order_(_mm512_load_si512(d.order)),
        bias_(_mm512_load_si512(d.block(b).bias)),
        requantise_(d.block(b), d.finish),
        outputs_(d.finish),
        line_(ptrdiff_t{conv.out[2]} * d.channels) {
    auto const* const w = d.weights(b);
    for (int i = 0; i < 3; ++i) first_[i] = _mm512_load_si512(w + i * 64);
    for (int i = 0; i < 3; ++i)
      second_[i] = kReading == Reading::pair ? _mm512_load_si512(w + (3 + i) * 64) : first_[i];
  }

  GODWIT_INLINE auto stride() const -> int32_t { return kStride ? kStride : stride_; }

  /// Two vectors of every line of a strip.
  GODWIT_INLINE void column(int8_t const* at, int32_t lines, int8_t* output, Pair to) const {
    Line<kReading> top = load(at);
    Line<kReading> middle = load(at + pitch_);
    at += 2 * pitch_;
    for (int32_t y = 0; y < lines; y += 2, output += 2 * line_) {
      auto const bottom = load(at);
      auto const a = sum(top, middle, bottom);
      if (stride() == 1) {
        top = middle, middle = bottom;
      } else {
        top = bottom, middle = load(at + pitch_), at += pitch_;
      }
      auto const lowest = load(at + pitch_);
      auto const b = sum(top, middle, lowest);
      if (stride() == 1) {
        top = middle, middle = lowest;
      } else {
        top = lowest, middle = load(at + 2 * pitch_), at += pitch_;
      }
      at += 2 * pitch_;
      auto const bytes = outputs_.bytes(requantise_(a.first), requantise_(a.second),
                                        requantise_(b.first), requantise_(b.second));
      to.store(output, _mm512_castsi512_si128(bytes), _mm512_extracti32x4_epi32(bytes, 1));
      if (y + 1 == lines) break;
      to.store(output + line_, _mm512_extracti32x4_epi32(bytes, 2),
               _mm512_extracti32x4_epi32(bytes, 3));
    }
  }

 private:
  GODWIT_INLINE auto load(int8_t const* at) const -> Line<kReading> {
    return Line<kReading>::load(at, channels_, next_, order_);
  }

  GODWIT_INLINE auto sum(Line<kReading> const& a, Line<kReading> const& b,
                         Line<kReading> const& c) const -> Line<kReading> {
    auto first = _mm512_dpbusd_epi32(bias_, a.first, first_[0]);
    auto second = _mm512_dpbusd_epi32(bias_, a.second, second_[0]);
    first = _mm512_dpbusd_epi32(first, b.first, first_[1]);
    second = _mm512_dpbusd_epi32(second, b.second, second_[1]);
    return {_mm512_dpbusd_epi32(first, c.first, first_[2]),
            _mm512_dpbusd_epi32(second, c.second, second_[2])};
  }

  ptrdiff_t channels_, pitch_;
  int32_t stride_;
  ptrdiff_t next_;
  __m512i order_, bias_;
  __m512i first_[3], second_[3];
  Avx512Requantise<kScaling> requantise_;
  Avx512Outputs outputs_;
  ptrdiff_t line_;
};

template <Reading kReading, int kStride, Scaling kScaling>
void three_by_three(Depthwise const& d, Convolution const& conv, int32_t b, int8_t const* copy,
                    int32_t lines, int8_t* output) {
  int32_t const width = conv.out[2];
  ThreeByThree<kReading, kStride, kScaling> const kernel(d, conv, b);
  int32_t const channel = b * kLanes;
  int32_t const lanes = d.columns > 1 ? d.channels : std::min(kLanes, d.channels - channel);
  for (int32_t x = 0; x < width; x += 2 * d.columns) {
    int32_t const first = std::min(d.columns, width - x);
    int32_t const second = std::max(std::min(d.columns, width - x - first), 0);
    kernel.column(copy + ptrdiff_t{x} * kernel.stride() * d.channels + channel, lines,
                  output + ptrdiff_t{x} * d.channels + channel,
                  {ptrdiff_t{d.columns} * d.channels, first * lanes, second * lanes});
  }
}

/// Any window: its taps four by four, wherever they are. Columns go by fours, line after line.
template <Scaling kScaling>
void any_window(Depthwise const& d, Convolution const& conv, int32_t b, int8_t const* copy,
                int32_t lines, int8_t* output) {
  int32_t const width = conv.out[2];
  int32_t const count = lines * width;
  ptrdiff_t const column = ptrdiff_t{conv.p.window.stride_width} * d.channels;
  ptrdiff_t const line = conv.p.window.stride_height * d.pitch;
  auto const order = _mm512_load_si512(d.order);
  Avx512Outputs const outputs(d.finish);
  int32_t const channel = b * kLanes;
  int32_t const lanes = std::min(kLanes, d.channels - channel);
  Avx512Requantise<kScaling> const requantise(d.block(b), d.finish);
  auto const bias = _mm512_load_si512(d.block(b).bias);
  int8_t* out = output + channel;
  int32_t x = 0;
  int8_t const* from = copy + channel;  // of the line
  auto const next = [&] {
    auto const* const at = from + x * column;
    if (++x == width) x = 0, from += line;
    return at;
  };
  for (int32_t i = 0; i < count; i += 4) {
    int32_t const here = std::min(count - i, 4);
    int8_t const* at[4];
    at[0] = next();
    for (int32_t k = 1; k < 4; ++k) at[k] = k < here ? next() : at[0];
    __m512i sums[4] = {bias, bias, bias, bias};
    auto const* tap = d.taps();
    auto const* weights = d.weights(b);
    for (int32_t g = 0; g < d.tap_groups; ++g, tap += kDepth, weights += kLanes * kDepth) {
      auto const w = _mm512_load_si512(weights);
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k)
        sums[k] = _mm512_dpbusd_epi32(
            sums[k],
            arranged(join(at[k] + tap[0], at[k] + tap[1], at[k] + tap[2], at[k] + tap[3]), order),
            w);
    }
    auto const bytes = outputs.bytes(requantise(sums[0]), requantise(sums[1]), requantise(sums[2]),
                                     requantise(sums[3]));
    alignas(kMemoryAlignment) int8_t stored[4 * kLanes];
    _mm512_store_si512(stored, bytes);
    for (int32_t k = 0; k < here; ++k, out += d.channels)
      store_lanes(out, load16(stored + k * kLanes), lanes);
  }
}

/// Windows of one column: four lines of output from the lines that any of them sees, four by four.
template <Scaling kScaling>
void slide_down(Depthwise const& d, Convolution const& conv, int32_t b, int8_t const* copy,
                int32_t lines, int8_t* output) {
  ptrdiff_t const column = ptrdiff_t{conv.p.window.stride_width} * d.channels;
  ptrdiff_t const line = ptrdiff_t{conv.out[2]} * d.channels;
  auto const order = _mm512_load_si512(d.order);
  Avx512Outputs const outputs(d.finish);
  int32_t const channel = b * kLanes;
  int32_t const lanes = std::min(kLanes, d.channels - channel);
  Avx512Requantise<kScaling> const requantise(d.block(b), d.finish);
  auto const bias = _mm512_load_si512(d.block(b).bias);
  for (int32_t x = 0; x < conv.out[2]; ++x)
    for (int32_t y = 0; y < lines; y += 4) {
      __m512i sums[4] = {bias, bias, bias, bias};
      auto const* at = copy + y * d.pitch + x * column + channel;
      auto const* weights = d.weights(b);
      for (int32_t g = 0; g < d.tap_groups; ++g, at += 4 * d.pitch, weights += kLanes * kDepth) {
        auto const seen =
            arranged(join(at, at + d.pitch, at + 2 * d.pitch, at + 3 * d.pitch), order);
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k)
          sums[k] = _mm512_dpbusd_epi32(
              sums[k], seen,
              _mm512_load_si512(weights + ptrdiff_t{k} * d.tap_groups * kLanes * kDepth));
      }
      auto const bytes = outputs.bytes(requantise(sums[0]), requantise(sums[1]),
                                       requantise(sums[2]), requantise(sums[3]));
      auto* const out = output + y * line + ptrdiff_t{x} * d.channels + channel;
      int32_t const here = lines - y;
      store_lanes(out, _mm512_castsi512_si128(bytes), lanes);
      if (here > 1) store_lanes(out + line, _mm512_extracti32x4_epi32(bytes, 1), lanes);
      if (here > 2) store_lanes(out + 2 * line, _mm512_extracti32x4_epi32(bytes, 2), lanes);
      if (here > 3) store_lanes(out + 3 * line, _mm512_extracti32x4_epi32(bytes, 3), lanes);
    }
}

using Kernel = void (*)(Depthwise const&, Convolution const&, int32_t, int8_t const*, int32_t,
                        int8_t*);

template <Scaling kScaling>
auto kernel_for(Depthwise const& d, Convolution const& conv) -> Kernel {
  bool const dense = conv.p.window.stride_width == 1;
  // Rarely asked for: not worth the code of the faster ones.
  if constexpr (kScaling == Scaling::whole)
    return d.columns > 1 ? three_by_three<Reading::narrow, 0, kScaling> : any_window<kScaling>;
  if (d.columns > 1)
    return dense ? three_by_three<Reading::narrow, 1, kScaling>
                 : three_by_three<Reading::narrow, 2, kScaling>;
  if (!d.three_by_three) return d.shifts == kDepth ? slide_down<kScaling> : any_window<kScaling>;
  return dense ? three_by_three<Reading::pair, 1, kScaling>
               : three_by_three<Reading::wide, 2, kScaling>;
}

}  // namespace

void depthwise_strip_avx512(Depthwise const& d, Convolution const& conv, void const* copy,
                            int32_t lines, int8_t* output) {
  Kernel const kernels[] = {kernel_for<Scaling::whole>(d, conv), kernel_for<Scaling::line>(d, conv),
                            kernel_for<Scaling::lines>(d, conv)};
  for (int32_t b = 0; b < d.blocks; ++b)
    kernels[static_cast<size_t>(d.block(b).scaling)](d, conv, b, static_cast<int8_t const*>(copy),
                                                     lines, output);
}

}  // namespace godwit::engine::x86
