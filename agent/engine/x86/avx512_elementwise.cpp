// ADD, MUL, pools, MEAN and LOOKUP, sixteen values or more at a time.
#include "agent/engine/x86/avx512.h"
#include "agent/engine/x86/elementwise.h"

namespace godwit::engine::x86 {

namespace {

constexpr int32_t kBytes = 64;

/// Sixteen times four int32, in the order in which packing takes them.
struct Wide {
  __m512i parts[4];
};

/// The scaled values of 64 inputs, looked up byte by byte.
GODWIT_INLINE auto look_up(Scaled const& scaled, __m512i values) -> Wide {
  auto const upper = _mm512_movepi8_mask(values);
  __m512i plane[kPlanes];
#pragma GCC unroll 4
  for (int i = 0; i < kPlanes; ++i) {
    auto const* const table = scaled.planes[i];
    auto const low = _mm512_permutex2var_epi8(_mm512_load_si512(table), values,
                                              _mm512_load_si512(table + kBytes));
    auto const high = _mm512_permutex2var_epi8(_mm512_load_si512(table + 2 * kBytes), values,
                                               _mm512_load_si512(table + 3 * kBytes));
    plane[i] = _mm512_mask_blend_epi8(upper, low, high);
  }
  auto const low_lower = _mm512_unpacklo_epi8(plane[0], plane[1]);
  auto const low_upper = _mm512_unpacklo_epi8(plane[2], plane[3]);
  auto const high_lower = _mm512_unpackhi_epi8(plane[0], plane[1]);
  auto const high_upper = _mm512_unpackhi_epi8(plane[2], plane[3]);
  return {{_mm512_unpacklo_epi16(low_lower, low_upper), _mm512_unpackhi_epi16(low_lower, low_upper),
           _mm512_unpacklo_epi16(high_lower, high_upper),
           _mm512_unpackhi_epi16(high_lower, high_upper)}};
}

/// Sums of 64 values, looked up.
class LookedUp {
 public:
  GODWIT_INLINE explicit LookedUp(Step const& step)
      : add_(*reinterpret_cast<Add const*>(step.packed)),
        requantise_(add_.output, add_.finish),
        outputs_(add_.finish) {}

  GODWIT_INLINE auto operator()(__m512i a, __m512i b) const -> __m512i {
    auto const first = look_up(add_.first, a);
    auto const second = look_up(add_.second, b);
    __m512i sums[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k)
      sums[k] = requantise_(_mm512_add_epi32(first.parts[k], second.parts[k]));
    return outputs_.interleaved(sums[0], sums[1], sums[2], sums[3]);
  }

 private:
  Add const& add_;
  Avx512Requantise<Scaling::whole> requantise_;
  Avx512Outputs outputs_;
};

/// Sums of 64 values as a linear function of them.
class Linear {
 public:
  GODWIT_INLINE explicit Linear(Step const& step)
      : Linear(*reinterpret_cast<Add const*>(step.packed)) {}

  GODWIT_INLINE explicit Linear(Add const& add)
      : low_(_mm512_set1_epi32(add.linear.low)),
        high_(_mm512_set1_epi32(add.linear.high)),
        low_constant_(_mm512_set1_epi32(add.linear.low_constant)),
        high_constant_(_mm512_set1_epi32(add.linear.high_constant)),
        shift_(_mm_cvtsi32_si128(add.linear.shift)),
        least_(_mm512_set1_epi8(static_cast<int8_t>(add.finish.clamp.low))),
        most_(_mm512_set1_epi8(static_cast<int8_t>(add.finish.clamp.high))) {}

  GODWIT_INLINE auto operator()(__m512i a, __m512i b) const -> __m512i {
    auto const zero = _mm512_setzero_si512();
    auto const lower = _mm512_unpacklo_epi8(a, b);
    auto const upper = _mm512_unpackhi_epi8(a, b);
    auto const first = _mm512_packs_epi32(sums(_mm512_unpacklo_epi8(zero, lower)),
                                          sums(_mm512_unpackhi_epi8(zero, lower)));
    auto const second = _mm512_packs_epi32(sums(_mm512_unpacklo_epi8(zero, upper)),
                                           sums(_mm512_unpackhi_epi8(zero, upper)));
    return _mm512_min_epi8(_mm512_max_epi8(_mm512_packs_epi16(first, second), least_), most_);
  }

 private:
  /// Of pairs of values that are moved up by 8 bits.
  GODWIT_INLINE auto sums(__m512i pairs) const -> __m512i {
    auto const low = _mm512_srai_epi32(_mm512_dpwssd_epi32(low_constant_, pairs, low_), 15);
    auto const high = _mm512_add_epi32(high_constant_, low);
    return _mm512_sra_epi32(_mm512_dpwssd_epi32(high, pairs, high_), shift_);
  }

  __m512i low_, high_, low_constant_, high_constant_;
  __m128i shift_;
  __m512i least_, most_;
};

/// Products of 64 values.
class Product {
 public:
  GODWIT_INLINE explicit Product(Step const& step)
      : Product(step, *reinterpret_cast<Scalable const*>(step.packed)) {}

  GODWIT_INLINE auto operator()(__m512i a, __m512i b) const -> __m512i {
    auto const zero = _mm512_setzero_si512();
    __m512i products[4];
    multiply(_mm512_unpacklo_epi8(zero, a), _mm512_unpacklo_epi8(zero, b), products);
    multiply(_mm512_unpackhi_epi8(zero, a), _mm512_unpackhi_epi8(zero, b), products + 2);
    return outputs_.interleaved(products[0], products[1], products[2], products[3]);
  }

 private:
  GODWIT_INLINE Product(Step const& step, Scalable const& scalable)
      : zero_a_(_mm512_set1_epi16(static_cast<int16_t>(step.inputs[0].zero_point))),
        zero_b_(_mm512_set1_epi16(static_cast<int16_t>(step.inputs[1].zero_point))),
        bias_(_mm512_load_si512(scalable.block.bias)),
        requantise_(scalable.block, scalable.finish),
        outputs_(scalable.finish) {}

  /// Of values that are moved up by 8 bits.
  GODWIT_INLINE void multiply(__m512i a, __m512i b, __m512i* products) const {
    auto const first = _mm512_sub_epi16(_mm512_srai_epi16(a, 8), zero_a_);
    auto const second = _mm512_sub_epi16(_mm512_srai_epi16(b, 8), zero_b_);
    auto const low = _mm512_mullo_epi16(first, second);
    auto const high = _mm512_mulhi_epi16(first, second);
    products[0] = requantise_(_mm512_add_epi32(_mm512_unpacklo_epi16(low, high), bias_));
    products[1] = requantise_(_mm512_add_epi32(_mm512_unpackhi_epi16(low, high), bias_));
  }

  __m512i zero_a_, zero_b_, bias_;
  Avx512Requantise<Scaling::lines> requantise_;
  Avx512Outputs outputs_;
};

/// The greater of 64 values each, or the lesser.
class Choice {
 public:
  GODWIT_INLINE explicit Choice(Step const& step)
      : greater_(step.op.code() == proto::Opcode::maximum ? ~uint64_t{0} : 0) {}

  GODWIT_INLINE auto operator()(__m512i a, __m512i b) const -> __m512i {
    return _mm512_mask_max_epi8(_mm512_min_epi8(a, b), greater_, a, b);
  }

 private:
  __mmask64 greater_;
};

template <typename Combine>
void combine_run(Step const& step, int8_t const* a, int8_t const* b, int8_t* out, int32_t count) {
  Combine const combine(step);
  for (int32_t i = 0; i < count; i += kBytes) {
    auto const mask = low_mask(count - i);
    auto const bytes =
        combine(_mm512_maskz_loadu_epi8(mask, a + i), _mm512_maskz_loadu_epi8(mask, b + i));
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
  for_each_run(step, add.linear.exact ? combine_run<Linear> : combine_run<LookedUp>);
}

void mul_avx512(Step const& step, void* scratch) {
  // Nearly all factors have lines.
  auto const& scalable = *reinterpret_cast<Scalable const*>(step.packed);
  if (scalable.block.scaling == Scaling::whole) return mul_avx2(step, scratch);
  for_each_run(step, combine_run<Product>);
}

void choose_avx512(Step const& step, void*) {
  for_each_run(step, combine_run<Choice>);
}

void quantize_avx512(Step const& step, void*) {
  auto const& output = step.output();
  bool const is_signed = output.type == proto::TensorType::int8;
  auto const scale =
      _mm512_castsi512_ps(_mm512_set1_epi32(step.op.params<proto::ScaleParams>().scale_bits));
  auto const zero = _mm512_set1_epi32(output.zero_point);
  auto const low = _mm512_set1_epi32(is_signed ? -128 : 0);
  auto const high = _mm512_set1_epi32(is_signed ? 127 : 255);
  auto const far = _mm512_set1_ps(1 << 22);
  auto const* const in = step.inputs[0].data;
  int32_t const count = output.shape.elements;
  for (int32_t i = 0; i < count; i += kLanes) {
    int32_t const lanes = lanes_from(i, count);
    auto const given = _mm512_maskz_loadu_ps(static_cast<__mmask16>(low_mask(lanes)), in + 4 * i);
    auto const steps = _mm512_div_ps(given, scale);
    // What is no number comes out of the maximum as its second operand.
    auto const near = _mm512_min_ps(_mm512_max_ps(steps, _mm512_set1_ps(-(1 << 22))), far);
    auto const whole = _mm512_roundscale_ps(near, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
    auto const rest = _mm512_sub_ps(near, whole);
    auto const one = _mm512_or_ps(_mm512_and_ps(near, _mm512_set1_ps(-0.0f)), _mm512_set1_ps(1));
    auto const up = _mm512_cmp_ps_mask(_mm512_abs_ps(rest), _mm512_set1_ps(0.5f), _CMP_GE_OQ);
    auto const rounded = _mm512_cvttps_epi32(_mm512_mask_add_ps(whole, up, whole, one));
    auto const moved = _mm512_add_epi32(rounded, zero);
    auto const bytes = _mm512_cvtepi32_epi8(_mm512_min_epi32(_mm512_max_epi32(moved, low), high));
    store_lanes(output.int8() + i, bytes, lanes);
  }
}

void lookup_avx512(Step const& step, void*) {
  auto const* const table = step.inputs[1].data;
  __m512i part[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) part[i] = _mm512_loadu_si512(table + i * kBytes);
  auto const* const in = step.inputs[0].data;
  auto* const out = step.output().data;
  auto const count = static_cast<int32_t>(step.output().size_bytes);
  for (int32_t i = 0; i < count; i += kBytes) {
    auto const mask = low_mask(count - i);
    auto const values = _mm512_maskz_loadu_epi8(mask, in + i);
    auto const low = _mm512_permutex2var_epi8(part[0], values, part[1]);
    auto const high = _mm512_permutex2var_epi8(part[2], values, part[3]);
    auto const found = _mm512_mask_blend_epi8(_mm512_movepi8_mask(values), low, high);
    if (count - i >= kBytes)
      _mm512_storeu_si512(out + i, found);
    else
      _mm512_mask_storeu_epi8(out + i, mask, found);
  }
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

}  // namespace godwit::engine::x86
