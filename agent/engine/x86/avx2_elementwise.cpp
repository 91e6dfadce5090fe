// ADD, sixteen values at a time.
#include "agent/engine/x86/avx2.h"
#include "agent/engine/x86/elementwise.h"

namespace godwit::engine::x86 {

namespace {

/// Sixteen values in the order of halves, less their zero point.
GODWIT_INLINE auto widened(int8_t const* values, Block const& block) -> Halves {
  auto const bytes = _mm_shuffle_epi32(_mm_loadu_si128(reinterpret_cast<__m128i const*>(values)),
                                       _MM_SHUFFLE(3, 1, 2, 0));
  auto const bias = load256(block.bias);
  return {_mm256_add_epi32(_mm256_cvtepi8_epi32(bytes), bias),
          _mm256_add_epi32(_mm256_cvtepi8_epi32(_mm_unpackhi_epi64(bytes, bytes)), bias)};
}

class Sum {
 public:
  GODWIT_INLINE explicit Sum(Add const& add)
      : add_(add),
        first_(add.first, kNoZeroPoint),
        second_(add.second, kNoZeroPoint),
        output_(add.output, add.finish) {}

  /// Sums of 32 values.
  template <bool kGeneral>
  GODWIT_INLINE void store(int8_t const* a, int8_t const* b, int8_t* out) const {
    auto const bytes =
        output_.bytes(scaled<kGeneral>(a, b), scaled<kGeneral>(a + kLanes, b + kLanes));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), bytes);
  }

 private:
  static constexpr Finish kNoZeroPoint{};

  template <bool kGeneral>
  GODWIT_INLINE auto scaled(int8_t const* a, int8_t const* b) const -> Halves {
    auto const first = first_.scaled<true>(widened(a, add_.first));
    auto const second = second_.scaled<true>(widened(b, add_.second));
    return output_.scaled<kGeneral>(
        {_mm256_add_epi32(first.low, second.low), _mm256_add_epi32(first.high, second.high)});
  }

  Add const& add_;
  Avx2Finish first_, second_, output_;
};

template <bool kGeneral>
void add_all(Step const& step) {
  Sum const sum(*reinterpret_cast<Add const*>(step.packed));
  auto const* a = step.inputs[0].int8();
  auto const* b = step.inputs[1].int8();
  auto* out = step.output().int8();
  int32_t const count = step.output().shape.elements;
  constexpr int32_t kTogether = 2 * kLanes;
  int32_t i = 0;
  for (; i + kTogether <= count; i += kTogether) sum.store<kGeneral>(a + i, b + i, out + i);
  if (i == count) return;
  int8_t last[3][kTogether] = {};
  auto const rest = static_cast<size_t>(count - i);
  __builtin_memcpy(last[0], a + i, rest);
  __builtin_memcpy(last[1], b + i, rest);
  sum.store<kGeneral>(last[0], last[1], last[2]);
  __builtin_memcpy(out + i, last[2], rest);
}

}  // namespace

void add_avx2(Step const& step, void*) {
  auto const& add = *reinterpret_cast<Add const*>(step.packed);
  add.finish.general ? add_all<true>(step) : add_all<false>(step);
}

}  // namespace godwit::engine::x86
