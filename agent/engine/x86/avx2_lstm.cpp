// The LSTM in vectors of 256 bits, also of AVX-VNNI: sixteen units at once, whose curves are
// look-ups of pairs.
#include "agent/engine/x86/avx2_words.h"
#include "agent/engine/x86/lstm_run.h"

namespace godwit::engine::x86 {

namespace {

struct LstmWords256 : Words256 {
  struct Pairs {
    Vector low, high;
  };
  static GODWIT_INLINE auto find(Curve const& curve, Vector step) -> Pairs {
    auto const* const pairs = reinterpret_cast<int const*>(curve.entries);
    auto const zero = _mm256_setzero_si256();
    return {_mm256_i32gather_epi32(pairs, _mm256_unpacklo_epi16(step, zero), 4),
            _mm256_i32gather_epi32(pairs, _mm256_unpackhi_epi16(step, zero), 4)};
  }
};

}  // namespace

void lstm_avx2(Step const& step, Layout const& layout, SumGroup sum, void* scratch) {
  run_lstm<LstmWords256>(step, layout, sum, scratch);
}

}  // namespace godwit::engine::x86
