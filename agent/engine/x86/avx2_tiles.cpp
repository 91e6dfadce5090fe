// The vectors of tiles. A sum is 576 times (24 each way) the product of a filter and what it sees,
// modulo 2^32: a ninth of that, exactly, is a product by the inverse of 9.
#include "agent/engine/x86/tiles.h"
#include "agent/engine/x86/ymm_matrix.h"

namespace godwit::engine::x86 {

namespace {

// Arithmetic that may wrap is of unsigned numbers.
using Words = uint16_t __attribute__((vector_size(32)));
using Sums = uint32_t __attribute__((vector_size(32)));
using SignedSums = int32_t __attribute__((vector_size(32)));
constexpr uint32_t kTimes = 24 * 24;
constexpr uint32_t kInverseOf9 = 954437177;

template <typename Vector>
GODWIT_INLINE auto load(void const* from) -> Vector {
  return reinterpret_cast<Vector>(load256(from));
}

GODWIT_INLINE auto widen(int8_t const* from) -> Words {
  return reinterpret_cast<Words>(
      _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<__m128i const*>(from))));
}

template <typename Vector>
GODWIT_INLINE void store(void* to, Vector value) {
  store256(to, reinterpret_cast<__m256i>(value));
}

/// Six inputs at the six points 0, 1, -1, 2, -2 and infinity. Values stay within a hundred times
/// an input, both ways together: 16 bits.
GODWIT_INLINE void change_inputs(Words const* d, Words* v) {
  auto const even = 4 * d[2] - d[4];
  auto const odd = 4 * d[1] - d[3];
  auto const far_even = d[4] - d[2];
  auto const far_odd = 2 * (d[3] - d[1]);
  v[0] = 4 * (d[0] - d[2]) + far_even;
  v[1] = even + odd;
  v[2] = even - odd;
  v[3] = far_even + far_odd;
  v[4] = far_even - far_odd;
  v[5] = (d[5] - d[3]) - 2 * far_odd;
}

/// Three taps at the same points, 24 times as large; at infinity 3 times. At most 144 weights.
GODWIT_INLINE void change_filter(Words const* g, int16_t* to, ptrdiff_t apart) {
  auto const near_even = g[0] + g[2];
  auto const far_even = g[0] + 4 * g[2];
  auto const far_odd = 2 * g[1];
  store(to, 6 * g[0]);
  store(to + apart, 4 * (near_even + g[1]));
  store(to + 2 * apart, 4 * (near_even - g[1]));
  store(to + 3 * apart, far_even + far_odd);
  store(to + 4 * apart, far_even - far_odd);
  store(to + 5 * apart, 3 * g[2]);
}

/// Six products back to four outputs.
GODWIT_INLINE void change_back(uint32_t const* from, Sums* y) {
  Sums m[kPoints];
#pragma GCC unroll 8
  for (int i = 0; i < kPoints; ++i) m[i] = load<Sums>(from + i * kUnit);
  auto const near_even = m[1] + m[2];
  auto const near_odd = m[1] - m[2];
  auto const far_even = m[3] + m[4];
  auto const far_odd = m[3] - m[4];
  y[0] = m[0] + near_even + far_even;
  y[1] = near_odd + 2 * far_odd;
  y[2] = near_even + 4 * far_even;
  y[3] = near_odd + 8 * (far_odd + m[5]);
}

constexpr int kLinePairs = 3;
constexpr int kLines[kLinePairs][2] = {{0, 5}, {1, 2}, {3, 4}};  // that share what they are made of

/// Two lines of points of a unit's filters.
template <int kPair>
void filter_lines(int8_t const* weights, int32_t pairs, int16_t* to) {
  ptrdiff_t const apart = ptrdiff_t{pairs} * 2 * kUnit;
  for (int32_t p = 0; p < pairs; ++p, weights += kTaps * 2 * kUnit, to += 2 * kUnit) {
    Words first[3];
    Words second[3];
#pragma GCC unroll 4
    for (int x = 0; x < 3; ++x) {
      auto const top = widen(weights + x * 2 * kUnit);
      auto const middle = widen(weights + (3 + x) * 2 * kUnit);
      auto const bottom = widen(weights + (6 + x) * 2 * kUnit);
      if constexpr (kPair == 0) {
        first[x] = 6 * top;
        second[x] = 3 * bottom;
      } else if constexpr (kPair == 1) {
        first[x] = 4 * (top + bottom + middle);
        second[x] = 4 * (top + bottom - middle);
      } else {
        first[x] = top + 4 * bottom + 2 * middle;
        second[x] = top + 4 * bottom - 2 * middle;
      }
    }
    change_filter(first, to, apart);
    change_filter(second, to + kPoints * apart, apart);
  }
}

/// At one point, kTilesTogether tiles by one or both units of a block, which are `apart`.
template <int kUnits>
void multiply(int16_t const* filters, ptrdiff_t filters_apart, int32_t pairs, int16_t const* inputs,
              ptrdiff_t inputs_apart, Sums const* begin, uint32_t* products,
              ptrdiff_t products_apart) {
  __m256i sums[kTilesTogether][kUnits];
#pragma GCC unroll 8
  for (int i = 0; i < kTilesTogether; ++i)
#pragma GCC unroll 2
    for (int u = 0; u < kUnits; ++u) sums[i][u] = reinterpret_cast<__m256i>(begin[u]);
  for (int32_t p = 0; p < pairs; ++p, filters += 2 * kUnit, inputs += 2) {
    __m256i filter[kUnits];
#pragma GCC unroll 2
    for (int u = 0; u < kUnits; ++u) filter[u] = load256(filters + u * filters_apart);
#pragma GCC unroll 8
    for (int i = 0; i < kTilesTogether; ++i) {
      int32_t pair;
      __builtin_memcpy(&pair, inputs + i * inputs_apart, sizeof(pair));
      auto const both = _mm256_set1_epi32(pair);
#pragma GCC unroll 2
      for (int u = 0; u < kUnits; ++u)
        sums[i][u] = _mm256_add_epi32(sums[i][u], _mm256_madd_epi16(both, filter[u]));
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kTilesTogether; ++i)
#pragma GCC unroll 2
    for (int u = 0; u < kUnits; ++u)
      store256(products + u * products_apart + i * 2 * kPoints * kUnit, sums[i][u]);
}

/// A unit's biases, in the order of its channels.
GODWIT_INLINE auto biases(Block const& block, int32_t unit) -> Sums {
  auto const half = [&](int32_t lane) __attribute__((always_inline)) {
    return _mm_load_si128(reinterpret_cast<__m128i const*>(block.bias + lane));
  };
  return reinterpret_cast<Sums>(
      _mm256_inserti128_si256(_mm256_castsi128_si256(half(4 * unit)), half(8 + 4 * unit), 1));
}

/// One block's outputs of a strip, as sums in its order of lanes.
struct BlockOfTiles {
  Tiles const& tiles;
  uint8_t* scratch;
  int32_t units;  // of the block

  template <typename T>
  auto at(uint64_t place) const -> T* {
    return reinterpret_cast<T*>(scratch + place);
  }

  void multiply_lines(int pair, Block const& block) const {
    int32_t const pairs = tiles.pairs();
    ptrdiff_t const point_size = ptrdiff_t{pairs} * 2 * kUnit;
    for (int32_t i = 0; i < 2 * kPoints; ++i) {
      int32_t const point = kLines[pair][i / kPoints] * kPoints + i % kPoints;
      Sums begin[2] = {};
      // What is added at the point 1 both ways is added to all outputs alike.
      if (point == kPoints + 1)
        for (int32_t u = 0; u < 2; ++u) begin[u] = kTimes * biases(block, u);
      auto* const product = units == 2 ? multiply<2> : multiply<1>;
      for (int32_t t = 0; t < tiles.count; t += kTilesTogether)
        product(
            at<int16_t>(tiles.filters) + i * point_size, 2 * kPoints * point_size, pairs,
            at<int16_t>(tiles.inputs) + (ptrdiff_t{t} * kPoints * kPoints + point) * tiles.width,
            ptrdiff_t{kPoints} * kPoints * tiles.width, begin,
            at<uint32_t>(tiles.products) + (ptrdiff_t{t} * 2 * kPoints + i) * kUnit,
            ptrdiff_t{tiles.count} * 2 * kPoints * kUnit);
    }
  }

  /// Along two lines of points.
  void change_lines(int pair) const {
    auto const* from = at<uint32_t>(tiles.products);
    auto* to = at<uint32_t>(tiles.across_sums);
    for (int32_t t = 0; t < units * tiles.count; ++t, to += kTile * kPoints * kUnit)
      for (int32_t line : kLines[pair]) {
        Sums y[kTile];
        change_back(from, y);
        from += kPoints * kUnit;
#pragma GCC unroll 4
        for (int32_t x = 0; x < kTile; ++x) store(to + (x * kPoints + line) * kUnit, y[x]);
      }
  }

  void change_columns() const {
    auto const* from = at<uint32_t>(tiles.across_sums);
    for (int32_t u = 0; u < units; ++u) {
      auto* to = at<int32_t>(tiles.sums) + 4 * u;
      for (int32_t x = 0; x < tiles.count * kTile; ++x, from += kPoints * kUnit, to += kLanes) {
        Sums y[kTile];
        change_back(from, y);
#pragma GCC unroll 4
        for (int32_t line = 0; line < kTile; ++line) {
          auto const sum =
              reinterpret_cast<__m256i>(reinterpret_cast<SignedSums>(kInverseOf9 * y[line]) >> 6);
          auto* const halves = to + ptrdiff_t{line} * tiles.count * kTile * kLanes;
          _mm_store_si128(reinterpret_cast<__m128i*>(halves), _mm256_castsi256_si128(sum));
          _mm_store_si128(reinterpret_cast<__m128i*>(halves + 8), _mm256_extracti128_si256(sum, 1));
        }
      }
    }
  }
};

}  // namespace

void tile_inputs_avx2(Tiles const& tiles, Convolution const& conv, int8_t const* const* lines,
                      int32_t line, uint8_t* scratch) {
  auto* const columns = reinterpret_cast<int16_t*>(scratch + tiles.columns);
  auto const* const blank = reinterpret_cast<int8_t const*>(scratch + tiles.blank);
  ptrdiff_t const width = tiles.width;
  int32_t const count = tiles.across * kTile + 2;
  Words d[kPoints];
  Words v[kPoints];
  for (int32_t i = 0; i < count; ++i) {
    int32_t const x = i - conv.p.window.pad_left;
    bool const outside = x < 0 || x >= conv.in[2];
    for (ptrdiff_t c = 0; c < width; c += kLanes) {
#pragma GCC unroll 8
      for (int k = 0; k < kPoints; ++k)
        d[k] = widen((outside ? blank : lines[k] + ptrdiff_t{x} * tiles.depth) + c);
      change_inputs(d, v);
#pragma GCC unroll 8
      for (int k = 0; k < kPoints; ++k)
        store(columns + (ptrdiff_t{k} * count + i) * width + c, v[k]);
    }
  }
  auto* to = reinterpret_cast<int16_t*>(scratch + tiles.inputs) +
             ptrdiff_t{line} * tiles.across * kPoints * kPoints * width;
  for (int32_t t = 0; t < tiles.across; ++t)
    for (int32_t k = 0; k < kPoints; ++k, to += kPoints * width) {
      auto const* const from = columns + (ptrdiff_t{k} * count + t * kTile) * width;
      for (ptrdiff_t c = 0; c < width; c += kLanes) {
#pragma GCC unroll 8
        for (int x = 0; x < kPoints; ++x) d[x] = load<Words>(from + x * width + c);
        change_inputs(d, v);
#pragma GCC unroll 8
        for (int x = 0; x < kPoints; ++x) store(to + x * width + c, v[x]);
      }
    }
}

void tile_outputs_avx2(Tiles const& tiles, Convolution const& conv, TileWeights const& weights,
                       int32_t lines, uint8_t* scratch, int8_t* output) {
  constexpr decltype(&filter_lines<0>) kFilterLines[] = {filter_lines<0>, filter_lines<1>,
                                                         filter_lines<2>};
  int32_t const out_width = conv.out[2];
  ptrdiff_t const unit_bytes = ptrdiff_t{tiles.pairs()} * kTaps * 2 * kUnit;
  for (int32_t unit = 0; unit < tiles.units; unit += 2) {
    BlockOfTiles const work{tiles, scratch, tiles.units - unit < 2 ? 1 : 2};
    auto const& block = weights.blocks()[unit / 2];
    for (int pair = 0; pair < kLinePairs; ++pair) {
      for (int32_t u = 0; u < work.units; ++u)
        kFilterLines[pair](weights.weights(tiles) + (unit + u) * unit_bytes, tiles.pairs(),
                           work.at<int16_t>(tiles.filters) +
                               ptrdiff_t{u} * 2 * kPoints * tiles.pairs() * 2 * kUnit);
      work.multiply_lines(pair, block);
      work.change_lines(pair);
    }
    work.change_columns();
    int32_t const left = tiles.channels - unit * kUnit;
    for (int32_t y = 0; y < lines; ++y)
      finish_block_avx2(
          block, weights.finish,
          work.at<int32_t>(tiles.sums) +
              (ptrdiff_t{y % kTile} * tiles.count + y / kTile * tiles.across) * kTile * kLanes,
          out_width, left < kLanes ? left : kLanes,
          output + ptrdiff_t{y} * out_width * tiles.channels + unit * kUnit, tiles.channels);
  }
}

}  // namespace godwit::engine::x86
