// The inner loop of BATCH_MATMUL: int16 by int16 in pairs.
#include "agent/engine/x86/avx2.h"
#include "agent/engine/x86/matmul.h"

namespace godwit::engine::x86 {

void sum_matmul_avx2(int16_t const* rows, int16_t const* columns, int32_t pairs, Block const& block,
                     int32_t* sums) {
  __m256i sum[kMatmulRows][2];
#pragma GCC unroll 4
  for (int i = 0; i < kMatmulRows; ++i) sum[i][0] = sum[i][1] = load256(block.bias);
  for (int32_t k = 0; k < pairs; ++k, columns += 2 * kLanes) {
    auto const low = load256(columns);
    auto const high = load256(columns + kLanes);
#pragma GCC unroll 4
    for (int i = 0; i < kMatmulRows; ++i) {
      int32_t pair;
      __builtin_memcpy(&pair, rows + 2 * (i * pairs + k), sizeof(pair));
      auto const a = _mm256_set1_epi32(pair);
      sum[i][0] = _mm256_add_epi32(sum[i][0], _mm256_madd_epi16(a, low));
      sum[i][1] = _mm256_add_epi32(sum[i][1], _mm256_madd_epi16(a, high));
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kMatmulRows; ++i) {
    store256(sums + i * kLanes, sum[i][0]);
    store256(sums + i * kLanes + kLanes / 2, sum[i][1]);
  }
}

}  // namespace godwit::engine::x86
