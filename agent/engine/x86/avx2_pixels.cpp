// ARG_MAX, ARG_MIN and RESIZE_BILINEAR_REAL. Built so that no product and sum are fused: as the
// reference rounds.
#include <bit>

#include "agent/engine/x86/avx2.h"
#include "agent/engine/x86/pixels.h"

namespace godwit::engine::x86 {

namespace {

constexpr int32_t kBytes = 16;
constexpr int32_t kFloats = 8;

GODWIT_INLINE auto load128(void const* from) -> __m128i {
  return _mm_loadu_si128(static_cast<__m128i const*>(from));
}

/// The first of the least of `count` >= 16 bytes, once `flip` made them unsigned. The last sixteen
/// overlap those before.
GODWIT_INLINE auto first_least(uint8_t const* line, int32_t count, __m128i flip) -> int32_t {
  int32_t const last = count - kBytes;
  auto least = _mm_xor_si128(load128(line + last), flip);
  for (int32_t k = 0; k < last; k += kBytes)
    least = _mm_min_epu8(least, _mm_xor_si128(load128(line + k), flip));
  auto const words =
      _mm_min_epu8(_mm_and_si128(least, _mm_set1_epi16(0xff)), _mm_srli_epi16(least, 8));
  auto const best = _mm_shuffle_epi8(_mm_minpos_epu16(words), _mm_setzero_si128());
  auto const wanted = _mm_xor_si128(best, flip);
  for (int32_t k = 0;; k += kBytes) {
    if (k > last) k = last;
    auto const found =
        static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(load128(line + k), wanted)));
    if (found) return k + std::countr_zero(found);
  }
}

/// One axis of what the compiler found: between which two, and how far from the lower one.
struct Place {
  int32_t lower, upper;
  float fraction;

  GODWIT_INLINE Place(Input const& table, int32_t index) {
    __builtin_memcpy(this, table.data + sizeof(Place) * static_cast<size_t>(index), sizeof(Place));
  }
};

/// A line of the input times its part of the height. Lines of channels are filled up to eight.
void weigh_line(int8_t const* line, int32_t width, int32_t channels, float part, float* to) {
  auto const factor = _mm256_set1_ps(part);
  for (int32_t x = 0; x < width; ++x, line += channels)
    for (int32_t c = 0; c < channels; c += kFloats, to += kFloats) {
      auto const bytes = _mm_loadl_epi64(reinterpret_cast<__m128i const*>(line + c));
      auto const values = _mm256_add_epi32(_mm256_cvtepi8_epi32(bytes), _mm256_set1_epi32(128));
      _mm256_storeu_ps(to, _mm256_mul_ps(_mm256_cvtepi32_ps(values), factor));
    }
}

/// Eight of four corners, added up in the reference's order, as bytes.
GODWIT_INLINE auto between(float const* const* corners, __m256 left, __m256 right) -> __m128i {
  auto sum = _mm256_add_ps(_mm256_mul_ps(_mm256_loadu_ps(corners[0]), left),
                           _mm256_mul_ps(_mm256_loadu_ps(corners[1]), left));
  sum = _mm256_add_ps(sum, _mm256_mul_ps(_mm256_loadu_ps(corners[2]), right));
  sum = _mm256_add_ps(sum, _mm256_mul_ps(_mm256_loadu_ps(corners[3]), right));
  sum = _mm256_add_ps(sum, _mm256_set1_ps(0.5f));
  auto const near = _mm256_min_ps(_mm256_max_ps(sum, _mm256_setzero_ps()), _mm256_set1_ps(255));
  auto const steps = _mm256_sub_epi32(_mm256_cvttps_epi32(near), _mm256_set1_epi32(128));
  auto const words =
      _mm_packs_epi32(_mm256_castsi256_si128(steps), _mm256_extracti128_si256(steps, 1));
  return _mm_packs_epi16(words, words);
}

}  // namespace

void arg_avx2(Step const& step, void*) {
  auto const& in = step.inputs[0];
  int32_t const count = in.shape[static_cast<size_t>(in.shape.rank - 1)];
  bool const greatest = step.op.code() == proto::Opcode::arg_max;
  auto const flip = _mm_set1_epi8(static_cast<int8_t>(greatest ? 127 : -128));
  auto const* line = in.data;
  // What a short line is filled up with is the least of all, so that it comes first nowhere.
  alignas(kBytes) uint8_t filled[kBytes];
  _mm_store_si128(reinterpret_cast<__m128i*>(filled), _mm_xor_si128(flip, _mm_set1_epi8(-1)));
  for (int32_t i = 0; i < step.output().shape.elements; ++i, line += count) {
    auto const* from = line;
    if (count < kBytes) {
      for (int32_t k = 0; k < count; ++k) filled[k] = line[k];
      from = filled;
    }
    step.output().int32()[i] = first_least(from, count < kBytes ? kBytes : count, flip);
  }
}

void resize_real_avx2(Step const& step, void* scratch) {
  auto const& in = step.inputs[0].shape;
  auto const& out = step.output().shape;
  int32_t const channels = in[3];
  int32_t const filled = (channels + kFloats - 1) / kFloats * kFloats;
  float* const lines[] = {static_cast<float*>(scratch),
                          static_cast<float*>(scratch) + ptrdiff_t{in[2]} * filled};
  auto const* image = step.inputs[0].int8();
  int8_t* to = step.output().int8();
  auto const* const end = to + step.output().size_bytes;
  for (int32_t batch = 0; batch < out[0]; ++batch, image += ptrdiff_t{in[1]} * in[2] * channels)
    for (int32_t row = 0; row < out[1]; ++row) {
      Place const y(step.inputs[1], row);
      auto const line_bytes = ptrdiff_t{in[2]} * channels;
      weigh_line(image + y.lower * line_bytes, in[2], channels, 1 - y.fraction, lines[0]);
      weigh_line(image + y.upper * line_bytes, in[2], channels, y.fraction, lines[1]);
      for (int32_t column = 0; column < out[2]; ++column) {
        Place const x(step.inputs[2], column);
        auto const left = _mm256_set1_ps(1 - x.fraction);
        auto const right = _mm256_set1_ps(x.fraction);
        ptrdiff_t const lower = ptrdiff_t{x.lower} * filled;
        ptrdiff_t const upper = ptrdiff_t{x.upper} * filled;
        for (int32_t c = 0; c < channels; c += kFloats) {
          float const* const corners[] = {lines[0] + lower + c, lines[1] + lower + c,
                                          lines[0] + upper + c, lines[1] + upper + c};
          auto const bytes = _mm_cvtsi128_si64(between(corners, left, right));
          int32_t const here = channels - c < kFloats ? channels - c : kFloats;
          // Too many are written over by the next pixel.
          __builtin_memcpy(to, &bytes, end - to < kFloats ? static_cast<size_t>(here) : kFloats);
          to += here;
        }
      }
    }
}

}  // namespace godwit::engine::x86
