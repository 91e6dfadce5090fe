// SVDF by AVX2: sixteen filters at once see the input; then sixteen units remember, each of which
// is a sum of its own.
#include "agent/engine/operators/matrix.h"
#include "agent/engine/x86/avx2_words.h"
#include "agent/engine/x86/svdf.h"

namespace godwit::engine::x86 {

namespace {

using Scale = Words256::Scale;

/// What every filter sees, bounded to sixteen bits.
void see(Svdf const& svdf, int16_t const* row, int32_t* sums, int16_t* newest) {
  Scale const scale(svdf.feature);
  auto const& matrix = svdf.matrix();
  constexpr int32_t kTogether = 4;
  for (int32_t block = 0; block < matrix.blocks; block += kTogether) {
    int32_t const left = matrix.blocks - block;
    int32_t const width = left < kTogether ? left : kTogether;
    void const* const rows = row;
    sum_group_avx2(matrix, block, width, &rows, 1, sums);
    for (int32_t j = 0; j < width; ++j)
      store256(newest + (block + j) * kLanes, Words256::scaled_lanes(scale, sums + j * kLanes));
  }
}

/// The zero point is added after the bounds: far values wrap, as in the reference.
void put(int32_t filters, int32_t memory, int16_t const* newest, int32_t zero_point,
         int8_t* state) {
  for (int32_t f = 0; f < filters; ++f) {
    int32_t const value = newest[f] < -128 ? -128 : newest[f] > 127 ? 127 : newest[f];
    state[ptrdiff_t{f} * memory + memory - 1] = static_cast<int8_t>(value + zero_point);
  }
}

void put(int32_t filters, int32_t memory, int16_t const* newest, int32_t, int16_t* state) {
  for (int32_t f = 0; f < filters; ++f) state[ptrdiff_t{f} * memory + memory - 1] = newest[f];
}

/// A unit's sum, in eight parts.
GODWIT_INLINE auto remembered(Svdf const& svdf, int32_t unit, int16_t const* state) -> __m256i {
  auto const* const weights = svdf.weights() + ptrdiff_t{unit} * svdf.chunks * kLanes;
  auto const* const values = state + ptrdiff_t{unit} * svdf.length;
  auto sum = _mm256_setzero_si256();
  for (int32_t i = 0; i < svdf.chunks * kLanes; i += kLanes)
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(load256(values + i), load256(weights + i)));
  return sum;
}

/// The sums of four units, in both halves of a vector: what is left is to add these.
[[gnu::noinline]] auto four(Svdf const& svdf, int32_t unit, int16_t const* state) -> __m256i {
  __m256i part[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i)
    part[i] = unit + i < svdf.units ? remembered(svdf, unit + i, state) : _mm256_setzero_si256();
  return _mm256_hadd_epi32(_mm256_hadd_epi32(part[0], part[1]),
                           _mm256_hadd_epi32(part[2], part[3]));
}

/// Of units 0 to 3 and 8 to 11, or of the others, as half blocks have them.
GODWIT_INLINE auto half(Svdf const& svdf, int32_t unit, int16_t const* state) -> __m256i {
  auto const lower = four(svdf, unit, state);
  auto const upper = four(svdf, unit + kLanes / 2, state);
  return _mm256_add_epi32(_mm256_permute2x128_si256(lower, upper, 0x20),
                          _mm256_permute2x128_si256(lower, upper, 0x31));
}

void remember(Svdf const& svdf, int16_t const* state, int8_t* output) {
  Avx2Finish<Scaling::whole> const finish(svdf.output, svdf.finish);
  for (int32_t unit = 0; unit < svdf.units; unit += kLanes) {
    auto const* const bias = svdf.bias() + unit;
    Halves const sums = {
        _mm256_add_epi32(half(svdf, unit, state), load256(bias)),
        _mm256_add_epi32(half(svdf, unit + kLanes / 4, state), load256(bias + kLanes / 2))};
    int32_t const left = svdf.units - unit;
    store_lanes(output + unit, _mm256_castsi256_si128(finish.bytes(sums, sums)),
                left < kLanes ? left : kLanes);
  }
}

template <typename T>
void move_on(Output const& state) {
  auto* const values = reinterpret_cast<T*>(state.data);
  __builtin_memmove(values, values + 1, state.size_bytes - sizeof(T));
}

}  // namespace

void svdf_avx2(Step const& step, void* scratch) {
  auto const& svdf = *reinterpret_cast<Svdf const*>(step.packed);
  SvdfScratch const places(step);
  auto const words = [&](uint64_t place) {
    return reinterpret_cast<int16_t*>(static_cast<uint8_t*>(scratch) + place);
  };
  auto const& input = step.inputs[0].shape;
  auto const state = step.state(4);
  bool const bytes = state.type == proto::TensorType::int8;
  int32_t const memory = step.inputs[2].shape[1];
  int32_t const count = svdf.units * svdf.length;
  bytes ? move_on<int8_t>(state) : move_on<int16_t>(state);
  for (int32_t batch = 0; batch < input[0]; ++batch) {
    widen(step.inputs[0].int8() + ptrdiff_t{batch} * input[1], 0, input[1], words(places.row));
    see(svdf, words(places.row), static_cast<int32_t*>(scratch), words(places.newest));
    if (bytes) {
      auto* const values = state.int8() + ptrdiff_t{batch} * count;
      put(svdf.filters, memory, words(places.newest), state.zero_point, values);
      widen(values, state.zero_point, count, words(places.state));
    } else {
      auto* const values = state.int16() + ptrdiff_t{batch} * count;
      put(svdf.filters, memory, words(places.newest), 0, values);
      __builtin_memcpy(words(places.state), values, static_cast<size_t>(count) * sizeof(int16_t));
    }
    remember(svdf, words(places.state), step.output().int8() + ptrdiff_t{batch} * svdf.units);
  }
}

}  // namespace godwit::engine::x86
