// Nibbles are unsigned bytes of at most 15: two products fit sixteen bits, whatever the values.
#include <immintrin.h>

#include "agent/engine/x86/nibbles.h"

namespace godwit::engine::x86 {

auto nibble_sum_avx2(uint8_t const* weights, int32_t bytes, int8_t const* even, int8_t const* odd)
    -> uint32_t {
  auto const low = _mm256_set1_epi8(0xf);
  auto const flip = _mm256_set1_epi8(8);
  auto const ones = _mm256_set1_epi16(1);
  auto const load = [](void const* from) {
    return _mm256_loadu_si256(static_cast<__m256i const*>(from));
  };
  auto sum = _mm256_setzero_si256();
  auto const add = [&](__m256i packed, int32_t i) {
    auto const first = _mm256_xor_si256(_mm256_and_si256(packed, low), flip);
    auto const second = _mm256_xor_si256(_mm256_and_si256(_mm256_srli_epi16(packed, 4), low), flip);
    auto const pairs = _mm256_add_epi16(_mm256_maddubs_epi16(first, load(even + i)),
                                        _mm256_maddubs_epi16(second, load(odd + i)));
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
  };
  int32_t i = 0;
  for (; i + 32 <= bytes; i += 32) add(load(weights + i), i);
  if (i < bytes) {
    alignas(32) uint8_t rest[32] = {};
    for (int32_t k = 0; i + k < bytes; ++k) rest[k] = weights[i + k];
    add(load(rest), i);
  }
  auto const half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  auto const quarter = _mm_add_epi32(half, _mm_unpackhi_epi64(half, half));
  return static_cast<uint32_t>(
      _mm_cvtsi128_si32(_mm_add_epi32(quarter, _mm_shuffle_epi32(quarter, 1))));
}

}  // namespace godwit::engine::x86
