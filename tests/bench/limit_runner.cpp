// The machine's own limit for int8 products: independent vpdpbusd on registers; where there is
// none, or with --avx2, pmaddwd and additions, in GMAC a second. Prints {"instruction": ...,
// "gmac": ...} as its facts; a round is the time of 2^20 multiply-accumulates.
#include <immintrin.h>

#include <cstring>

#include "tests/bench/rounds.h"

namespace {

constexpr int kChains = 16;  // More than the latency times the width of any core so far.
constexpr double kMacs = 1 << 20;

__attribute__((target("avx512f,avx512vnni"), noinline)) void vnni() {
  __m512i sums[kChains];
  for (auto& sum : sums) sum = _mm512_setzero_si512();
  __m512i left = _mm512_set1_epi8(3), right = _mm512_set1_epi8(5);
  for (int i = 0; i < (1 << 20) / (64 * kChains); ++i) {
#pragma GCC unroll 16
    for (int c = 0; c < kChains; ++c) sums[c] = _mm512_dpbusd_epi32(sums[c], left, right);
    asm volatile("" : "+v"(left), "+v"(right));
  }
  for (auto& sum : sums) asm volatile("" : "+v"(sum));
}

__attribute__((target("avx2"), noinline)) void avx2() {
  __m256i sums[8];
  for (auto& sum : sums) sum = _mm256_setzero_si256();
  __m256i left = _mm256_set1_epi16(3), right = _mm256_set1_epi16(5);
  for (int i = 0; i < (1 << 20) / (16 * 8); ++i) {
#pragma GCC unroll 8
    for (auto& sum : sums) {
      __m256i product = _mm256_madd_epi16(left, right);
      asm volatile("" : "+v"(product));
      sum = _mm256_add_epi32(sum, product);
    }
    asm volatile("" : "+v"(left), "+v"(right));
  }
  for (auto& sum : sums) asm volatile("" : "+v"(sum));
}

}  // namespace

int main(int argc, char** argv) {
  using namespace godwit::bench;
  bool const avx2_asked = argc == 2 && !std::strcmp(argv[1], "--avx2");
  bool const has_vnni = !avx2_asked && __builtin_cpu_supports("avx512vnni");
  if (!has_vnni && !__builtin_cpu_supports("avx2")) give_up("neither AVX-512 VNNI nor AVX2 here");
  auto* const work = has_vnni ? vnni : avx2;
  std::string const facts = std::string("\"instruction\": \"") +
                            (has_vnni ? "vpdpbusd zmm" : "vpmaddwd ymm") +
                            "\", \"macs\": " + std::to_string(kMacs);
  serve_rounds(facts, [work] { work(); });
}
