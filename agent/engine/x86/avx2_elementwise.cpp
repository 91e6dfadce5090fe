// ADD, SQUARED_DIFFERENCE, MUL, PRELU, choices, QUANTIZE and LOOKUP, 32 values at a time, averages
// of sixteen channels.
#include "agent/engine/x86/elementwise.h"
#include "agent/engine/x86/ymm_matrix.h"

namespace godwit::engine::x86 {

namespace {

constexpr int32_t kTogether = 2 * kLanes;

GODWIT_INLINE auto widen(int8_t const* from) -> __m256i {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<__m128i const*>(from)));
}

/// Values are looked up one by one: gathers are no faster. Sums, or squares of sums, which wrap.
template <bool kSquared>
class LookedUp {
 public:
  GODWIT_INLINE explicit LookedUp(Step const& step)
      : add_(*reinterpret_cast<Add const*>(step.packed)) {}

  /// Sums of 32 values.
  GODWIT_INLINE void store(int8_t const* a, int8_t const* b, int8_t* out) const {
    alignas(kMemoryAlignment) int32_t sums[kTogether];
#pragma GCC unroll 1
    for (int32_t i = 0; i < kTogether; ++i) {
      int32_t const from = (i + 4) & 8 ? i ^ 12 : i;  // in the order of halves
      sums[i] = add_.first.values[static_cast<uint8_t>(a[from])] +
                add_.second.values[static_cast<uint8_t>(b[from])];
    }
    if constexpr (kSquared)
#pragma GCC unroll 1
      for (int32_t i = 0; i < kTogether; i += 8) {
        auto const eight = load256(sums + i);
        store256(sums + i, _mm256_mullo_epi32(eight, eight));
      }
    finish_block_avx2(add_.output, add_.finish, sums, 2, kLanes, out, kLanes);
  }

 private:
  Add const& add_;
};

/// Sums as a linear function of the values.
class Linear {
 public:
  GODWIT_INLINE explicit Linear(Step const& step)
      : Linear(*reinterpret_cast<Add const*>(step.packed)) {}

  GODWIT_INLINE explicit Linear(Add const& add)
      : low_(_mm256_set1_epi32(add.linear.low)),
        high_(_mm256_set1_epi32(add.linear.high)),
        low_constant_(_mm256_set1_epi32(add.linear.low_constant)),
        high_constant_(_mm256_set1_epi32(add.linear.high_constant)),
        shift_(_mm_cvtsi32_si128(add.linear.shift)),
        least_(_mm256_set1_epi8(static_cast<int8_t>(add.finish.clamp.low))),
        most_(_mm256_set1_epi8(static_cast<int8_t>(add.finish.clamp.high))) {}

  GODWIT_INLINE void store(int8_t const* a, int8_t const* b, int8_t* out) const {
    auto const zero = _mm256_setzero_si256();
    auto const lower = _mm256_unpacklo_epi8(load256(a), load256(b));
    auto const upper = _mm256_unpackhi_epi8(load256(a), load256(b));
    auto const first = _mm256_packs_epi32(sums(_mm256_unpacklo_epi8(zero, lower)),
                                          sums(_mm256_unpackhi_epi8(zero, lower)));
    auto const second = _mm256_packs_epi32(sums(_mm256_unpacklo_epi8(zero, upper)),
                                           sums(_mm256_unpackhi_epi8(zero, upper)));
    auto const bytes = _mm256_packs_epi16(first, second);
    store256(out, _mm256_min_epi8(_mm256_max_epi8(bytes, least_), most_));
  }

 private:
  /// Of pairs of values that are moved up by 8 bits.
  GODWIT_INLINE auto sums(__m256i pairs) const -> __m256i {
    auto const low = _mm256_add_epi32(_mm256_madd_epi16(pairs, low_), low_constant_);
    auto const high = _mm256_add_epi32(_mm256_madd_epi16(pairs, high_), high_constant_);
    return _mm256_sra_epi32(_mm256_add_epi32(high, _mm256_srai_epi32(low, 15)), shift_);
  }

  __m256i low_, high_, low_constant_, high_constant_;
  __m128i shift_;
  __m256i least_, most_;
};

/// Values less their zero points, sixteen at a time, and products of two such.
struct Factors {
  __m256i zero_a, zero_b;

  GODWIT_INLINE explicit Factors(Step const& step)
      : zero_a(_mm256_set1_epi16(static_cast<int16_t>(step.inputs[0].zero_point))),
        zero_b(_mm256_set1_epi16(static_cast<int16_t>(step.inputs[1].zero_point))) {}

  /// In the order of halves.
  static GODWIT_INLINE void multiply(__m256i a, __m256i b, Block const& block, int32_t* products) {
    auto const low = _mm256_mullo_epi16(a, b);
    auto const high = _mm256_mulhi_epi16(a, b);
    auto const bias = load256(block.bias);  // all its lanes are alike
    store256(products, _mm256_add_epi32(_mm256_unpacklo_epi16(low, high), bias));
    store256(products + kLanes / 2, _mm256_add_epi32(_mm256_unpackhi_epi16(low, high), bias));
  }
};

class Product {
 public:
  GODWIT_INLINE explicit Product(Step const& step)
      : scalable_(*reinterpret_cast<Scalable const*>(step.packed)), factors_(step) {}

  GODWIT_INLINE void store(int8_t const* a, int8_t const* b, int8_t* out) const {
    alignas(kMemoryAlignment) int32_t products[kTogether];
#pragma GCC unroll 1
    for (int32_t i = 0; i < kTogether; i += kLanes)
      Factors::multiply(_mm256_sub_epi16(widen(a + i), factors_.zero_a),
                        _mm256_sub_epi16(widen(b + i), factors_.zero_b), scalable_.block,
                        products + i);
    finish_block_avx2(scalable_.block, scalable_.finish, products, 2, kLanes, out, kLanes);
  }

 private:
  Scalable const& scalable_;
  Factors factors_;
};

/// Values, and those below zero times their slope.
class Sloped {
 public:
  GODWIT_INLINE explicit Sloped(Step const& step)
      : prelu_(*reinterpret_cast<Prelu const*>(step.packed)),
        factors_(step),
        zero_(_mm256_set1_epi8(static_cast<int8_t>(step.inputs[0].zero_point))) {}

  GODWIT_INLINE void store(int8_t const* a, int8_t const* b, int8_t* out) const {
    alignas(kMemoryAlignment) int32_t values[2][kTogether];
    auto const one = _mm256_set1_epi16(1);
#pragma GCC unroll 1
    for (int32_t i = 0; i < kTogether; i += kLanes) {
      auto const value = _mm256_sub_epi16(widen(a + i), factors_.zero_a);
      auto const slope = _mm256_sub_epi16(widen(b + i), factors_.zero_b);
      Factors::multiply(value, one, prelu_.positive.block, values[0] + i);
      Factors::multiply(value, slope, prelu_.negative.block, values[1] + i);
    }
    auto const negative = _mm256_cmpgt_epi8(zero_, load256(a));
    alignas(kMemoryAlignment) int8_t bytes[2][kTogether];
    finish_block_avx2(prelu_.positive.block, prelu_.positive.finish, values[0], 2, kLanes, bytes[0],
                      kLanes);
    finish_block_avx2(prelu_.negative.block, prelu_.negative.finish, values[1], 2, kLanes, bytes[1],
                      kLanes);
    store256(out, _mm256_blendv_epi8(load256(bytes[0]), load256(bytes[1]), negative));
  }

 private:
  Prelu const& prelu_;
  Factors factors_;
  __m256i zero_;
};

/// The greater of the values, or the lesser.
class Choice {
 public:
  GODWIT_INLINE explicit Choice(Step const& step)
      : greater_(_mm256_set1_epi8(step.op.code() == proto::Opcode::maximum ? -1 : 0)) {}

  GODWIT_INLINE void store(int8_t const* a, int8_t const* b, int8_t* out) const {
    auto const left = load256(a);
    auto const right = load256(b);
    store256(out, _mm256_blendv_epi8(_mm256_min_epi8(left, right), _mm256_max_epi8(left, right),
                                     greater_));
  }

 private:
  __m256i greater_;
};

/// Eight of float32 as steps of the scale, to nearest, halves away from zero; what is no number as
/// the lowest.
GODWIT_INLINE auto rounded(uint8_t const* values, __m256 scale) -> __m256i {
  auto const steps = _mm256_div_ps(_mm256_loadu_ps(reinterpret_cast<float const*>(values)), scale);
  auto const near =
      _mm256_min_ps(_mm256_max_ps(steps, _mm256_set1_ps(-(1 << 22))), _mm256_set1_ps(1 << 22));
  auto const sign = _mm256_set1_ps(-0.0f);
  auto const whole = _mm256_round_ps(near, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
  auto const rest = _mm256_andnot_ps(sign, _mm256_sub_ps(near, whole));
  auto const one = _mm256_or_ps(_mm256_and_ps(near, sign), _mm256_set1_ps(1));
  auto const up = _mm256_cmp_ps(rest, _mm256_set1_ps(0.5f), _CMP_GE_OQ);
  return _mm256_cvttps_epi32(_mm256_add_ps(whole, _mm256_and_ps(up, one)));
}

template <typename Combine>
void combine_run(Step const& step, int8_t const* a, int8_t const* b, int8_t* out, int32_t count) {
  Combine const combine(step);
  int32_t i = 0;
  for (; i + kTogether <= count; i += kTogether) combine.store(a + i, b + i, out + i);
  if (i == count) return;
  int8_t last[3][kTogether] = {};
  auto const rest = static_cast<size_t>(count - i);
  __builtin_memcpy(last[0], a + i, rest);
  __builtin_memcpy(last[1], b + i, rest);
  combine.store(last[0], last[1], last[2]);
  __builtin_memcpy(out + i, last[2], rest);
}

/// What 128 of a table's bytes become: shuffles give 0 for values below 0, so that each table but
/// the first is the difference to the one before, and all that a value is not below are added up by
/// exclusive or.
class Half {
 public:
  GODWIT_INLINE explicit Half(uint8_t const* table) {
    __m128i before = _mm_setzero_si128();
#pragma GCC unroll 8
    for (int i = 0; i < kTables; ++i) {
      auto const these = _mm_loadu_si128(reinterpret_cast<__m128i const*>(table) + i);
      _mm_store_si128(differences_ + i, _mm_xor_si128(these, before));
      before = these;
    }
  }

  /// 0 for values of the other half, which are negative.
  GODWIT_INLINE auto find(__m256i values) const -> __m256i {
    auto found = _mm256_setzero_si256();
#pragma GCC unroll 8
    for (int i = 0; i < kTables; ++i) {
      auto const table = _mm256_broadcastsi128_si256(_mm_load_si128(differences_ + i));
      found = _mm256_xor_si256(found, _mm256_shuffle_epi8(table, values));
      values = _mm256_subs_epi8(values, _mm256_set1_epi8(16));
    }
    return found;
  }

 private:
  static constexpr int kTables = 8;
  __m128i differences_[kTables];
};

GODWIT_INLINE auto lanes_from(int32_t channel, int32_t channels) -> int32_t {
  return channels - channel < kLanes ? channels - channel : kLanes;
}

/// Sums of sixteen channels over an area of an image that begins with them, two pixels at a time.
auto sum_area(int8_t const* image, int32_t width, int32_t channels, Area const& area) -> Halves {
  auto const ones = _mm256_set1_epi16(1);
  Halves sums{_mm256_setzero_si256(), _mm256_setzero_si256()};
  for (int32_t y = area.top; y < area.bottom; ++y) {
    auto const* pixel = image + (ptrdiff_t{y} * width + area.left) * channels;
    for (int32_t x = area.left; x < area.right; ++x, pixel += channels) {
      auto const a = widen(pixel);
      auto b = _mm256_setzero_si256();
      if (++x < area.right) b = widen(pixel += channels);
      sums.low = _mm256_add_epi32(sums.low, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), ones));
      sums.high = _mm256_add_epi32(sums.high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), ones));
    }
  }
  return sums;
}

/// To nearest, halves away from zero. As for AVX-512.
GODWIT_INLINE auto divided(__m256i sum, int32_t count) -> __m256i {
  auto const half = _mm256_sign_epi32(_mm256_set1_epi32(count / 2), sum);
  auto const divisor = _mm256_set1_ps(static_cast<float>(count));
  return _mm256_cvttps_epi32(
      _mm256_div_ps(_mm256_cvtepi32_ps(_mm256_add_epi32(sum, half)), divisor));
}

}  // namespace

void choose_avx2(Step const& step, void*) {
  for_each_run(step, combine_run<Choice>);
}

void quantize_avx2(Step const& step, void*) {
  constexpr int32_t kGroup = 8;
  auto const& output = step.output();
  // uint8 is int8 moved by 128.
  int32_t const offset = output.type == proto::TensorType::uint8 ? 128 : 0;
  auto const scale =
      _mm256_castsi256_ps(_mm256_set1_epi32(step.op.params<proto::ScaleParams>().scale_bits));
  auto const zero = _mm256_set1_epi32(output.zero_point - offset);
  auto const flip = _mm_set1_epi8(static_cast<int8_t>(offset));
  auto const* const in = step.inputs[0].data;
  int32_t const count = output.shape.elements;
  for (int32_t i = 0; i < count; i += kGroup) {
    alignas(kMemoryAlignment) uint8_t last[4 * kGroup] = {};
    int32_t const lanes = count - i < kGroup ? count - i : kGroup;
    if (lanes < kGroup) __builtin_memcpy(last, in + 4 * i, static_cast<size_t>(4 * lanes));
    auto const steps = _mm256_add_epi32(rounded(lanes < kGroup ? last : in + 4 * i, scale), zero);
    auto const words =
        _mm_packs_epi32(_mm256_castsi256_si128(steps), _mm256_extracti128_si256(steps, 1));
    store_lanes(output.int8() + i, _mm_xor_si128(_mm_packs_epi16(words, words), flip), lanes);
  }
}

void lookup_avx2(Step const& step, void*) {
  auto const* const table = step.inputs[1].data;
  Half const low(table);
  Half const high(table + 128);
  auto const* const in = step.inputs[0].data;
  auto* const out = step.output().data;
  auto const count = static_cast<int32_t>(step.output().size_bytes);
  int32_t i = 0;
  for (; i + kTogether <= count; i += kTogether) {
    auto const values = load256(in + i);
    auto const others = _mm256_xor_si256(values, _mm256_set1_epi8(-128));
    store256(out + i, _mm256_xor_si256(low.find(values), high.find(others)));
  }
  for (; i < count; ++i) out[i] = table[in[i]];
}

void add_avx2(Step const& step, void*) {
  auto const& add = *reinterpret_cast<Add const*>(step.packed);
  for_each_run(step, add.linear.exact ? combine_run<Linear> : combine_run<LookedUp<false>>);
}

void squared_difference_avx2(Step const& step, void*) {
  for_each_run(step, combine_run<LookedUp<true>>);
}

void prelu_avx2(Step const& step, void*) {
  for_each_run(step, combine_run<Sloped>);
}

void mul_avx2(Step const& step, void*) {
  for_each_run(step, combine_run<Product>);
}

void average_pool_avx2(Step const& step, void*) {
  auto const p = step.op.params<proto::PoolParams>();
  auto const& in = step.inputs[0].shape;
  auto const& out = step.output().shape;
  int8_t* output = step.output().int8();
  auto const low = _mm_set1_epi8(static_cast<int8_t>(p.clamp.low));
  auto const high = _mm_set1_epi8(static_cast<int8_t>(p.clamp.high));
  auto const* image = step.inputs[0].int8();
  for (int32_t batch = 0; batch < out[0]; ++batch, image += ptrdiff_t{in[1]} * in[2] * in[3])
    for (int32_t y = 0; y < out[1]; ++y)
      for (int32_t x = 0; x < out[2]; ++x, output += out[3]) {
        auto const area = window_area(p, in, y, x);
        for (int32_t c = 0; c < out[3]; c += kLanes) {
          auto const sums = sum_area(image + c, in[2], in[3], area);
          auto const words =
              _mm256_packs_epi32(divided(sums.low, area.count()), divided(sums.high, area.count()));
          auto const bytes =
              _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
          store_lanes(output + c, _mm_min_epi8(_mm_max_epi8(bytes, low), high),
                      lanes_from(c, out[3]));
        }
      }
}

/// Sums of lines of bytes, sixteen lines at a time.
void mean_of_lines_avx2(Step const& step, void*) {
  auto const& mean = *reinterpret_cast<Scalable const*>(step.packed);
  auto const lines = mean_lines(step);
  auto const flip = _mm256_set1_epi8(-128);
  auto const* line = step.inputs[0].data;
  int8_t* output = step.output().int8();
  for (int32_t first = 0; first < lines.outer; first += kLanes) {
    alignas(kMemoryAlignment) int32_t sums[kLanes] = {};
    int32_t const here = lanes_from(first, lines.outer);
    for (int32_t i = 0; i < here; ++i, line += lines.count) {
      auto sum = _mm256_setzero_si256();
      for (int32_t k = 0; k < lines.count; k += kTogether) {
        alignas(kMemoryAlignment) uint8_t last[kTogether];
        auto const* from = line + k;
        if (lines.count - k < kTogether) {
          store256(last, flip);
          for (int32_t j = k; j < lines.count; ++j) last[j - k] = line[j];
          from = last;
        }
        sum = _mm256_add_epi64(
            sum, _mm256_sad_epu8(_mm256_xor_si256(load256(from), flip), _mm256_setzero_si256()));
      }
      auto const half =
          _mm_add_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
      int32_t const place = (i + 4) & 8 ? i ^ 12 : i;  // in the order of halves
      sums[place] = _mm_cvtsi128_si32(half) + _mm_extract_epi32(half, 2) - 128 * lines.count +
                    mean.block.bias[0];
    }
    finish_block_avx2(mean.block, mean.finish, sums, 1, here, output + first, 0);
  }
}

void mean_avx2(Step const& step, void*) {
  auto const& mean = *reinterpret_cast<Scalable const*>(step.packed);
  auto const lines = mean_lines(step);
  auto const bias = load256(mean.block.bias);
  auto const* input = step.inputs[0].int8();
  int8_t* output = step.output().int8();
  for (int32_t i = 0; i < lines.outer;
       ++i, input += ptrdiff_t{lines.count} * lines.inner, output += lines.inner)
    for (int32_t c = 0; c < lines.inner; c += kLanes) {
      auto const area = sum_area(input + c, lines.count, lines.inner, {0, 1, 0, lines.count});
      int32_t sums[kLanes];
      store256(sums, _mm256_add_epi32(area.low, bias));
      store256(sums + kLanes / 2, _mm256_add_epi32(area.high, bias));
      finish_block_avx2(mean.block, mean.finish, sums, 1, lanes_from(c, lines.inner), output + c,
                        0);
    }
}

}  // namespace godwit::engine::x86
