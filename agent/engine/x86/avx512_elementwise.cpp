// ADD, pools and MEAN, sixteen values at a time.
#include "agent/engine/x86/avx512.h"
#include "agent/engine/x86/elementwise.h"

namespace godwit::engine::x86 {

namespace {

constexpr int32_t kBytes = 64;

GODWIT_INLINE auto low_mask(int32_t count) -> uint64_t {
  return count >= kBytes ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1;
}

/// Sixteen of 64 values, widened.
template <int kPart>
GODWIT_INLINE auto part(__m512i bytes) -> __m512i {
  return _mm512_cvtepi8_epi32(_mm512_extracti32x4_epi32(bytes, kPart));
}

class Sum {
 public:
  GODWIT_INLINE explicit Sum(Add const& add)
      : first_(add.first, add.finish),
        second_(add.second, add.finish),
        output_(add.output, add.finish),
        first_bias_(_mm512_load_si512(add.first.bias)),
        second_bias_(_mm512_load_si512(add.second.bias)) {}

  template <bool kGeneral>
  GODWIT_INLINE auto bytes(__m512i a, __m512i b) const -> __m512i {
    return output_.bytes(
        scaled<kGeneral>(part<0>(a), part<0>(b)), scaled<kGeneral>(part<1>(a), part<1>(b)),
        scaled<kGeneral>(part<2>(a), part<2>(b)), scaled<kGeneral>(part<3>(a), part<3>(b)));
  }

 private:
  template <bool kGeneral>
  GODWIT_INLINE auto scaled(__m512i a, __m512i b) const -> __m512i {
    auto const first = first_.scaled<true>(_mm512_add_epi32(a, first_bias_));
    auto const second = second_.scaled<true>(_mm512_add_epi32(b, second_bias_));
    return output_.scaled<kGeneral>(_mm512_add_epi32(first, second));
  }

  Avx512Finish first_, second_, output_;
  __m512i first_bias_, second_bias_;
};

template <bool kGeneral>
void add_all(Step const& step) {
  Sum const sum(*reinterpret_cast<Add const*>(step.packed));
  auto const* const a = step.inputs[0].int8();
  auto const* const b = step.inputs[1].int8();
  auto* const out = step.output().int8();
  int32_t const count = step.output().shape.elements;
  for (int32_t i = 0; i < count; i += kBytes) {
    auto const mask = low_mask(count - i);
    auto const bytes = sum.bytes<kGeneral>(_mm512_maskz_loadu_epi8(mask, a + i),
                                           _mm512_maskz_loadu_epi8(mask, b + i));
    if (count - i >= kBytes)
      _mm512_storeu_si512(out + i, bytes);
    else
      _mm512_mask_storeu_epi8(out + i, mask, bytes);
  }
}

/// Sums of up to sixteen channels over an area of an image.
GODWIT_INLINE auto sum_area(int8_t const* image, Shape const& shape, Area const& area,
                            __mmask16 mask) -> __m512i {
  __m512i sum = _mm512_setzero_si512();
  for (int32_t y = area.top; y < area.bottom; ++y) {
    auto const* pixel = image + (ptrdiff_t{y} * shape[2] + area.left) * shape[3];
    for (int32_t x = area.left; x < area.right; ++x, pixel += shape[3])
      sum = _mm512_add_epi32(sum, _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(mask, pixel)));
  }
  return sum;
}

/// Divided to nearest, halves away from zero.
GODWIT_INLINE auto divided(__m512i sum, int32_t count) -> __m512i {
  auto const half = _mm512_set1_epi32(count / 2);
  auto const negative = _mm512_movepi32_mask(sum);
  auto const moved = _mm512_mask_sub_epi32(_mm512_add_epi32(sum, half), negative, sum, half);
  auto const divisor = _mm512_set1_ps(static_cast<float>(count));
  return _mm512_cvttps_epi32(_mm512_div_ps(_mm512_cvtepi32_ps(moved), divisor));
}

template <typename Visit>
GODWIT_INLINE void for_each_window(Step const& step, proto::PoolParams const& p, Visit visit) {
  auto const& in = step.inputs[0].shape;
  auto const& out = step.output().shape;
  int8_t* output = step.output().int8();
  for (int32_t batch = 0; batch < out[0]; ++batch) {
    auto const* const image = step.inputs[0].int8() + ptrdiff_t{batch} * in[1] * in[2] * in[3];
    for (int32_t y = 0; y < out[1]; ++y)
      for (int32_t x = 0; x < out[2]; ++x, output += out[3])
        visit(image, window_area(p, in, y, x), output);
  }
}

GODWIT_INLINE auto lanes_from(int32_t channel, int32_t channels) -> int32_t {
  return channels - channel < kLanes ? channels - channel : kLanes;
}

}  // namespace

void add_avx512(Step const& step, void*) {
  auto const& add = *reinterpret_cast<Add const*>(step.packed);
  add.finish.general ? add_all<true>(step) : add_all<false>(step);
}

void average_pool_avx512(Step const& step, void*) {
  auto const p = step.op.params<proto::PoolParams>();
  auto const& in = step.inputs[0].shape;
  auto const low = _mm512_set1_epi32(p.clamp.low);
  auto const high = _mm512_set1_epi32(p.clamp.high);
  for_each_window(step, p, [&](int8_t const* image, Area const& area, int8_t* output) {
    for (int32_t c = 0; c < in[3]; c += kLanes) {
      int32_t const lanes = lanes_from(c, in[3]);
      auto const sum = sum_area(image + c, in, area, static_cast<__mmask16>(low_mask(lanes)));
      auto const average = divided(sum, area.count());
      auto const clamped = _mm512_min_epi32(_mm512_max_epi32(average, low), high);
      store_lanes(output + c, _mm512_cvtepi32_epi8(clamped), lanes);
    }
  });
}

void max_pool_avx512(Step const& step, void*) {
  auto const p = step.op.params<proto::PoolParams>();
  auto const& in = step.inputs[0].shape;
  auto const low = _mm512_set1_epi8(static_cast<int8_t>(p.clamp.low));
  auto const high = _mm512_set1_epi8(static_cast<int8_t>(p.clamp.high));
  for_each_window(step, p, [&](int8_t const* image, Area const& area, int8_t* output) {
    for (int32_t c = 0; c < in[3]; c += kBytes) {
      auto const mask = low_mask(in[3] - c);
      __m512i most = low;
      for (int32_t y = area.top; y < area.bottom; ++y) {
        auto const* pixel = image + (ptrdiff_t{y} * in[2] + area.left) * in[3] + c;
        for (int32_t x = area.left; x < area.right; ++x, pixel += in[3])
          most = _mm512_max_epi8(most, _mm512_maskz_loadu_epi8(mask, pixel));
      }
      _mm512_mask_storeu_epi8(output + c, mask, _mm512_min_epi8(most, high));
    }
  });
}

void mean_avx512(Step const& step, void*) {
  auto const& mean = *reinterpret_cast<Mean const*>(step.packed);
  auto const& in = step.inputs[0].shape;
  Avx512Finish const finish(mean.block, mean.finish);
  Area const all{0, in[1], 0, in[2]};
  int8_t* output = step.output().int8();
  for (int32_t batch = 0; batch < in[0]; ++batch, output += in[3]) {
    auto const* const image = step.inputs[0].int8() + ptrdiff_t{batch} * in[1] * in[2] * in[3];
    for (int32_t c = 0; c < in[3]; c += kLanes) {
      int32_t const lanes = lanes_from(c, in[3]);
      auto const sum = sum_area(image + c, in, all, static_cast<__mmask16>(low_mask(lanes)));
      auto const scaled =
          finish.scaled<true>(_mm512_add_epi32(sum, _mm512_load_si512(mean.block.bias)));
      auto const bytes = finish.bytes(scaled, scaled, scaled, scaled);
      store_lanes(output + c, _mm512_castsi512_si128(bytes), lanes);
    }
  }
}

}  // namespace godwit::engine::x86
