// Matrix products by vpdpbusd: a tile of rows and blocks of channels is summed in registers, then
// requantised.
#include <algorithm>

#include "agent/engine/x86/avx512_group.h"

namespace godwit::engine::x86 {

namespace {

template <int kRows, int kBlocks>
void sum_tile(Matrix const& matrix, int32_t first_block, void const* const* rows, Sums sums) {
  __m512i c[kRows][kBlocks];
#pragma GCC unroll 8
  for (int j = 0; j < kBlocks; ++j) {
    auto const bias = _mm512_load_si512(matrix.block(first_block + j)->bias);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) c[i][j] = bias;
  }
  int8_t const* row[kRows];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) row[i] = static_cast<int8_t const*>(rows[i]);
  auto const* weights = matrix.weights(first_block);
  auto const* const end = matrix.offsets() + matrix.steps;
  for (auto const* offset = matrix.offsets(); offset != end; ++offset) {
    ptrdiff_t const at = *offset;
    __m512i w[kBlocks];
#pragma GCC unroll 8
    for (int j = 0; j < kBlocks; ++j) w[j] = _mm512_load_si512(weights + j * kLanes * kDepth);
    weights += kBlocks * kLanes * kDepth;
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      auto const a = broadcast(row[i] + at);
#pragma GCC unroll 8
      for (int j = 0; j < kBlocks; ++j) c[i][j] = _mm512_dpbusd_epi32(c[i][j], a, w[j]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < kBlocks; ++j) _mm512_store_si512(sums.at(j, i), c[i][j]);
}

/// A step of windows of three columns that slide by one column from row to row: each pixel is read
/// once for the three rows that it belongs to. `rows` lie one pixel apart.
template <int kRows, int kBlocks>
void sum_slide(Matrix const& matrix, int32_t first_block, void const* const* rows, Sums sums) {
  constexpr int kTaps = 3;
  constexpr int kApart = 4;  // pixels between bases: the rest is addressed from them
  __m512i c[kRows][kBlocks];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < kBlocks; ++j)
      c[i][j] = _mm512_load_si512(matrix.block(first_block + j)->bias);
  ptrdiff_t const pixel = matrix.slide;
  auto const steps_per_tap = static_cast<int32_t>(pixel) / kDepth;
  ptrdiff_t const tap_bytes = ptrdiff_t{steps_per_tap} * kBlocks * kLanes * kDepth;
  auto const* weights = matrix.weights(first_block);
  for (int32_t step = 0; step < matrix.steps; step += kTaps * steps_per_tap) {
    auto const* const line = static_cast<int8_t const*>(rows[0]) + matrix.offsets()[step];
    int8_t const* base[(kRows + kTaps) / kApart + 1];
#pragma GCC unroll 8
    for (int i = 0; i <= (kRows + kTaps) / kApart; ++i) base[i] = line + i * kApart * pixel;
    for (int32_t s = 0; s < steps_per_tap; ++s, weights += kBlocks * kLanes * kDepth) {
      __m512i w[kTaps][kBlocks];
#pragma GCC unroll 3
      for (int t = 0; t < kTaps; ++t)
#pragma GCC unroll 8
        for (int j = 0; j < kBlocks; ++j)
          w[t][j] = _mm512_load_si512(weights + t * tap_bytes + j * kLanes * kDepth);
#pragma GCC unroll 24
      for (int p = 0; p < kRows + kTaps - 1; ++p) {
        auto const a = broadcast(base[p / kApart] + p % kApart * pixel);
#pragma GCC unroll 3
        for (int t = 0; t < kTaps; ++t)
          if (int const i = p - t; i >= 0 && i < kRows)
#pragma GCC unroll 8
            for (int j = 0; j < kBlocks; ++j) c[i][j] = _mm512_dpbusd_epi32(c[i][j], a, w[t][j]);
      }
#pragma GCC unroll 8
      for (int i = 0; i <= (kRows + kTaps) / kApart; ++i) base[i] += kDepth;
    }
    weights += (kTaps - 1) * tap_bytes;
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < kBlocks; ++j) _mm512_store_si512(sums.at(j, i), c[i][j]);
}

/// One row: what a step waits for is only its own sums, so that several steps go side by side.
template <int kBlocks, int kSplit>
void sum_row(Matrix const& matrix, int32_t first_block, void const* const* rows, Sums sums) {
  __m512i c[kSplit][kBlocks];
#pragma GCC unroll 8
  for (int j = 0; j < kBlocks; ++j) {
    c[0][j] = _mm512_load_si512(matrix.block(first_block + j)->bias);
#pragma GCC unroll 8
    for (int s = 1; s < kSplit; ++s) c[s][j] = _mm512_setzero_si512();
  }
  auto const* const row = static_cast<int8_t const*>(rows[0]);
  auto const* weights = matrix.weights(first_block);
  auto const add = [&](int32_t offset, __m512i * to) __attribute__((always_inline)) {
    auto const a = broadcast(row + offset);
#pragma GCC unroll 8
    for (int j = 0; j < kBlocks; ++j)
      to[j] = _mm512_dpbusd_epi32(to[j], a, _mm512_load_si512(weights + j * kLanes * kDepth));
    weights += kBlocks * kLanes * kDepth;
  };
  auto const* offset = matrix.offsets();
  auto const* const end = offset + matrix.steps;
  for (; end - offset >= kSplit; offset += kSplit)
#pragma GCC unroll 8
    for (int s = 0; s < kSplit; ++s) add(offset[s], c[s]);
  for (; offset != end; ++offset) add(*offset, c[0]);
#pragma GCC unroll 8
  for (int j = 0; j < kBlocks; ++j) {
    __m512i sum = c[0][j];
#pragma GCC unroll 8
    for (int s = 1; s < kSplit; ++s) sum = _mm512_add_epi32(sum, c[s][j]);
    _mm512_store_si512(sums.at(j, 0), sum);
  }
}

template <Scaling kScaling>
void finish_block(Block const& block, Finish const& finish, int32_t const* sums, int32_t rows,
                  int32_t lanes, int8_t* output, ptrdiff_t stride) {
  Avx512Requantise<kScaling> const requantise(block, finish);
  Avx512Outputs const outputs(finish);
  auto const row = [&](int32_t i) __attribute__((always_inline)) {
    return requantise(_mm512_load_si512(sums + i * kLanes));
  };
  auto const store = [&](__m512i bytes, int32_t here) __attribute__((always_inline)) {
    store_lanes(output, _mm512_castsi512_si128(bytes), lanes);
    if (here > 1) store_lanes(output + stride, _mm512_extracti32x4_epi32(bytes, 1), lanes);
    if (here > 2) store_lanes(output + 2 * stride, _mm512_extracti32x4_epi32(bytes, 2), lanes);
    if (here > 3) store_lanes(output + 3 * stride, _mm512_extracti32x4_epi32(bytes, 3), lanes);
  };
  int32_t i = 0;
  if (kScaling != Scaling::whole && stride == kLanes && lanes == kLanes)  // Rows follow each other.
    for (; i + 4 <= rows; i += 4, output += 4 * kLanes)
      _mm512_storeu_si512(output, outputs.bytes(row(i), row(i + 1), row(i + 2), row(i + 3)));
  for (; i + 4 <= rows; i += 4, output += 4 * stride)
    store(outputs.bytes(row(i), row(i + 1), row(i + 2), row(i + 3)), 4);
  if (i == rows) return;
  auto const last = row(rows - 1);
  store(outputs.bytes(row(i), i + 1 < rows ? row(i + 1) : last, last, last), rows - i);
}

/// Sums of one row and several blocks as outputs.
void finish_row(Matrix const& matrix, int32_t first_block, int32_t width, Sums sums,
                int8_t* output) {
  Avx512Outputs const outputs(matrix.finish);
  auto const requantised = [&](int32_t j) {
    auto const& block = *matrix.block(first_block + j);
    auto const sum = _mm512_load_si512(sums.at(j, 0));
    switch (block.scaling) {
      case Scaling::line:
        return Avx512Requantise<Scaling::line>(block, matrix.finish)(sum);
      case Scaling::lines:
        return Avx512Requantise<Scaling::lines>(block, matrix.finish)(sum);
      default:
        return Avx512Requantise<Scaling::whole>(block, matrix.finish)(sum);
    }
  };
  for (int32_t j = 0; j < width; j += 4) {
    int32_t const here = std::min(width - j, 4);
    __m512i part[4];
#pragma GCC unroll 1
    for (int32_t k = 0; k < 4; ++k) part[k] = requantised(std::min(j + k, width - 1));
    int32_t const channel = (first_block + j) * kLanes;
    auto const bytes = outputs.bytes(part[0], part[1], part[2], part[3]);
    int32_t const count = std::min(here * kLanes, matrix.channels - channel);
    if (count == 4 * kLanes)
      _mm512_storeu_si512(output + channel, bytes);
    else
      _mm512_mask_storeu_epi8(output + channel, low_mask(count), bytes);
  }
}

using SumTile = void (*)(Matrix const&, int32_t, void const* const*, Sums);
constexpr int32_t kTilesMax = 4;  // blocks
// Of one row, then of two, four and so on: an odd number ends with one row, which saves much code.
constexpr SumTile kSumTile[kTilesMax][kRowsMax / 2 + 1] = {
    {sum_row<1, 8>, sum_tile<2, 1>, sum_tile<4, 1>, sum_tile<6, 1>, sum_tile<8, 1>},
    {sum_row<2, 4>, sum_tile<2, 2>, sum_tile<4, 2>, sum_tile<6, 2>, sum_tile<8, 2>},
    {sum_row<3, 4>, sum_tile<2, 3>, sum_tile<4, 3>, sum_tile<6, 3>, sum_tile<8, 3>},
    {sum_row<4, 2>, sum_tile<2, 4>, sum_tile<4, 4>, sum_tile<6, 4>, nullptr}};
constexpr int32_t kTileRows[kTilesMax] = {8, 8, 8, 6};
constexpr SumTile kSumRow[kWidthMax] = {sum_row<1, 8>, sum_row<2, 4>, sum_row<3, 4>, sum_row<4, 2>,
                                        sum_row<5, 2>, sum_row<6, 2>, sum_row<7, 1>, sum_row<8, 1>};
constexpr SumTile kSumSlide[2] = {sum_slide<16, 1>, sum_slide<8, 2>};
constexpr int32_t kSlideRows[2] = {16, 8};

/// `count` rows follow each other pixel by pixel, in one line.
auto slides(Matrix const& matrix, void const* const* rows, int32_t count) -> bool {
  auto const* const first = static_cast<int8_t const*>(rows[0]);
  return static_cast<int8_t const*>(rows[count - 1]) - first == ptrdiff_t{count - 1} * matrix.slide;
}

/// The product of the next rows; says of how many.
GODWIT_INLINE auto sum_rows(Matrix const& matrix, int32_t group, int32_t width,
                            void const* const* rows, int32_t count, Sums sums) -> int32_t {
  if (matrix.slide && count >= kSlideRows[width - 1] &&
      slides(matrix, rows, kSlideRows[width - 1])) {
    kSumSlide[width - 1](matrix, group, rows, sums);
    return kSlideRows[width - 1];
  }
  int32_t const pairs = std::min(kTileRows[width - 1], count) / 2;
  kSumTile[width - 1][pairs](matrix, group, rows, sums);
  return std::max(2 * pairs, 1);
}

void multiply_group(Matrix const& matrix, int32_t group, int32_t width, void const* const* rows,
                    int32_t count, int8_t* output, ptrdiff_t stride, int32_t* sums) {
  int32_t const together = kSumsMax / std::max(width, 2);
  for (int32_t row = 0; row < count; row += together, output += together * stride) {
    int32_t const here = std::min(together, count - row);
    for (int32_t i = 0; i < here;) {
      Sums const to{sums + i * kLanes, together};
      i += sum_rows(matrix, group, width, rows + row + i, here - i, to);
    }
    for (int32_t j = 0; j < width; ++j) {
      int32_t const channel = (group + j) * kLanes;
      finish_block_avx512(*matrix.block(group + j), matrix.finish, Sums{sums, together}.at(j, 0),
                          here, std::min(kLanes, matrix.channels - channel), output + channel,
                          stride);
    }
  }
}

}  // namespace

void sum_group_avx512(Matrix const& matrix, int32_t first_block, int32_t width,
                      void const* const* rows, int32_t count, int32_t* sums) {
  if (count == 1) return kSumRow[width - 1](matrix, first_block, rows, {sums, 1});
  for (int32_t i = 0; i < count;)
    i += sum_rows(matrix, first_block, width, rows + i, count - i, {sums + i * kLanes, count});
}

void finish_block_avx512(Block const& block, Finish const& finish, int32_t const* sums,
                         int32_t rows, int32_t lanes, int8_t* output, ptrdiff_t stride) {
  constexpr decltype(&finish_block<Scaling::whole>) kFinish[] = {
      finish_block<Scaling::whole>, finish_block<Scaling::line>, finish_block<Scaling::lines>};
  kFinish[static_cast<size_t>(block.scaling)](block, finish, sums, rows, lanes, output, stride);
}

void multiply_rows_avx512(Matrix const& matrix, void const* const* rows, int32_t count,
                          int8_t* output, ptrdiff_t stride, int32_t* sums) {
  for (int32_t group = 0; group < matrix.blocks; group += matrix.width) {
    int32_t const width = std::min(matrix.width, matrix.blocks - group);
    if (matrix.half && group + width == matrix.blocks) {
      multiply_half_avx512(matrix, group, rows, count, output, stride, sums);
    } else if (count == 1) {
      kSumRow[width - 1](matrix, group, rows, {sums, 1});
      finish_row(matrix, group, width, {sums, 1}, output);
    } else {
      multiply_group(matrix, group, width, rows, count, output, stride, sums);
    }
  }
}

}  // namespace godwit::engine::x86
