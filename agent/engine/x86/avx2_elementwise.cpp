// ADD, sixteen values at a time.
#include "agent/engine/x86/avx2.h"
#include "agent/engine/x86/elementwise.h"

namespace godwit::engine::x86 {

namespace {

/// Scaled sums of sixteen values, in the order of halves. Values are looked up one by one: gathers
/// are no faster.
template <Scaling kScaling>
class Sum {
 public:
  GODWIT_INLINE explicit Sum(Add const& add) : add_(add), finish_(add.output, add.finish) {}

  /// Sums of 32 values.
  GODWIT_INLINE void store(int8_t const* a, int8_t const* b, int8_t* out) const {
    auto const bytes =
        finish_.bytes(finish_.scaled(sums(a, b)), finish_.scaled(sums(a + kLanes, b + kLanes)));
    store256(out, bytes);
  }

 private:
  GODWIT_INLINE auto sums(int8_t const* a, int8_t const* b) const -> Halves {
    return {_mm256_set_m128i(four(a + 8, b + 8), four(a, b)),
            _mm256_set_m128i(four(a + 12, b + 12), four(a + 4, b + 4))};
  }
  GODWIT_INLINE auto four(int8_t const* a, int8_t const* b) const -> __m128i {
    return _mm_setr_epi32(one(a[0], b[0]), one(a[1], b[1]), one(a[2], b[2]), one(a[3], b[3]));
  }
  GODWIT_INLINE auto one(int8_t a, int8_t b) const -> int32_t {
    return add_.first.values[static_cast<uint8_t>(a)] + add_.second.values[static_cast<uint8_t>(b)];
  }

  Add const& add_;
  Avx2Finish<kScaling> finish_;
};

template <Scaling kScaling>
void add_all(Step const& step) {
  Sum<kScaling> const sum(*reinterpret_cast<Add const*>(step.packed));
  auto const* a = step.inputs[0].int8();
  auto const* b = step.inputs[1].int8();
  auto* out = step.output().int8();
  int32_t const count = step.output().shape.elements;
  constexpr int32_t kTogether = 2 * kLanes;
  int32_t i = 0;
  for (; i + kTogether <= count; i += kTogether) sum.store(a + i, b + i, out + i);
  if (i == count) return;
  int8_t last[3][kTogether] = {};
  auto const rest = static_cast<size_t>(count - i);
  __builtin_memcpy(last[0], a + i, rest);
  __builtin_memcpy(last[1], b + i, rest);
  sum.store(last[0], last[1], last[2]);
  __builtin_memcpy(out + i, last[2], rest);
}

}  // namespace

void add_avx2(Step const& step, void*) {
  auto const& add = *reinterpret_cast<Add const*>(step.packed);
  add.finish.scaling != Scaling::plain ? add_all<Scaling::shifted>(step)
                                       : add_all<Scaling::plain>(step);
}

}  // namespace godwit::engine::x86
