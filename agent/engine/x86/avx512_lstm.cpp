// LSTM by AVX-512: what the input says to all gates is multiplied for many times at once; then,
// time by time, what the hidden state says. Sixteen units lie side by side.
#include "agent/engine/x86/avx512.h"
#include "agent/engine/x86/lstm.h"

namespace godwit::engine::x86 {

namespace {

using Scale = Avx512Scale;

/// Sigmoid or tanh of values in units of 1 / (3 * 4096): sigmoid.cpp has the same, one by one.
template <int kFractionBits>
GODWIT_INLINE auto interpolated(Curve const& curve, __m512i magnitude) -> __m512i {
  auto const step =
      _mm512_min_epi32(_mm512_srli_epi32(magnitude, kFractionBits), _mm512_set1_epi32(255));
  auto const entry = _mm512_i32gather_epi32(step, curve.steps, 4);
  auto const fraction = _mm512_and_si512(magnitude, _mm512_set1_epi32((1 << kFractionBits) - 1));
  auto const value = _mm512_and_si512(entry, _mm512_set1_epi32(0xffff));
  return _mm512_add_epi32(_mm512_slli_epi32(value, kFractionBits),
                          _mm512_mullo_epi32(fraction, _mm512_srli_epi32(entry, 16)));
}

GODWIT_INLINE auto sigmoid(Lstm const& lstm, __m512i x) -> __m512i {
  auto const result = interpolated<9>(lstm.sigmoid, _mm512_abs_epi32(x));
  auto const half = _mm512_set1_epi32(1 << 9);
  auto const positive = _mm512_add_epi32(result, half);
  auto const negative = _mm512_sub_epi32(_mm512_set1_epi32((1 << 25) + (1 << 9) - 1), result);
  return _mm512_srli_epi32(_mm512_mask_blend_epi32(_mm512_movepi32_mask(x), positive, negative),
                           10);
}

GODWIT_INLINE auto tanh(Lstm const& lstm, __m512i x) -> __m512i {
  auto const result = interpolated<8>(lstm.tanh, _mm512_abs_epi32(x));
  auto const positive = _mm512_add_epi32(result, _mm512_set1_epi32((1 << 7) - (1 << 23)));
  auto const negative = _mm512_sub_epi32(_mm512_set1_epi32((1 << 23) + (1 << 7) - 1), result);
  return _mm512_srai_epi32(_mm512_mask_blend_epi32(_mm512_movepi32_mask(x), positive, negative), 8);
}

GODWIT_INLINE auto load16(int16_t const* from) -> __m256i {
  return _mm256_loadu_si256(reinterpret_cast<__m256i const*>(from));
}

GODWIT_INLINE auto saturated16(__m512i values) -> __m256i {
  return _mm512_cvtsepi32_epi16(values);
}

class Run {
 public:
  Run(Step const& step, void* scratch)
      : lstm_(*reinterpret_cast<Lstm const*>(step.packed)),
        p_(step.op.params<proto::LstmParams>()),
        zero_point_(step.inputs[4].zero_point),
        sums_(static_cast<int32_t*>(scratch)),
        gates_(reinterpret_cast<int16_t*>(static_cast<uint8_t*>(scratch) + kSumsBytes)),
        hidden_(reinterpret_cast<int8_t*>(gates_) + lstm_.gates_bytes()),
        copy_(hidden_ + (lstm_.units + kDepth - 1) / kDepth * kDepth) {}

  /// What `count` inputs, `apart` from each other, say to all gates: Q3.12.
  void see(int8_t const* input, ptrdiff_t apart, int32_t count) const {
    void const* rows[kTimesTogether];
    ptrdiff_t const pitch = (lstm_.depth + kDepth - 1) / kDepth * kDepth;
    for (int32_t i = 0; i < count; ++i, input += apart) {
      rows[i] = input;
      if (pitch == lstm_.depth) continue;
      rows[i] = copy_ + i * pitch;
      __builtin_memcpy(copy_ + i * pitch, input, static_cast<size_t>(lstm_.depth));
    }
    for (int32_t group = 0; group < lstm_.groups; ++group) {
      sum_group_avx512(lstm_.input(), group * kGates, kGates, rows, count, sums_);
      for (int32_t g = 0; g < kGates; ++g) {
        Scale const scale(lstm_.input().block(group * kGates + g)->whole);
        auto const* const sums = sums_ + ptrdiff_t{g} * count * kLanes;
        for (int32_t i = 0; i < count; ++i)
          _mm256_storeu_si256(reinterpret_cast<__m256i*>(gates(i, group, g)),
                              saturated16(scale(_mm512_load_si512(sums + i * kLanes))));
      }
    }
  }

  /// One step in time. The new hidden state is made in `output`; every gate still reads the old
  /// one.
  void advance(int32_t time, int16_t* cell, int8_t* output) const {
    for (int32_t group = 0; group < lstm_.groups; ++group) {
      int32_t const first = group * kLanes;
      int32_t const lanes = lstm_.units - first < kLanes ? lstm_.units - first : kLanes;
      void const* const row = hidden_;
      sum_group_avx512(lstm_.recurrent(), group * kGates, kGates, &row, 1, sums_);
      unite(time, group, static_cast<__mmask16>(low_mask(lanes)), cell + first, output + first);
    }
    __builtin_memcpy(hidden_, output, static_cast<size_t>(lstm_.units));
  }

  auto hidden() const -> int8_t* { return hidden_; }

 private:
  auto gates(int32_t time, int32_t group, int32_t gate) const -> int16_t* {
    return gates_ + ((ptrdiff_t{time} * lstm_.groups + group) * kGates + gate) * kLanes;
  }

  /// The sum of both sides of a gate, bounded to Q3.12, in the units of the curves.
  GODWIT_INLINE auto gate(int32_t time, int32_t group, int32_t g) const -> __m512i {
    Scale const scale(lstm_.recurrent().block(group * kGates + g)->whole);
    auto const remembered = saturated16(scale(_mm512_load_si512(sums_ + g * kLanes)));
    auto const sum = _mm256_adds_epi16(load16(gates(time, group, g)), remembered);
    return _mm512_mullo_epi32(_mm512_cvtepi16_epi32(sum), _mm512_set1_epi32(3));
  }

  GODWIT_INLINE void unite(int32_t time, int32_t group, __mmask16 mask, int16_t* cell,
                           int8_t* output) const {
    auto const input_gate = sigmoid(lstm_, gate(time, group, 0));
    auto const forget_gate = sigmoid(lstm_, gate(time, group, 1));
    auto const cell_sum = gate(time, group, 2);
    auto const cell_gate =
        p_.cell_activation == 0 ? tanh(lstm_, cell_sum) : sigmoid(lstm_, cell_sum);
    auto const output_gate = sigmoid(lstm_, gate(time, group, 3));
    auto const old = _mm512_cvtepi16_epi32(_mm256_maskz_loadu_epi16(mask, cell));
    auto const kept = saturated16(Scale(lstm_.forget.whole)(_mm512_mullo_epi32(forget_gate, old)));
    auto const added =
        saturated16(Scale(lstm_.update.whole)(_mm512_mullo_epi32(input_gate, cell_gate)));
    auto value = _mm512_cvtepi16_epi32(_mm256_adds_epi16(kept, added));
    if (p_.cell_clip > 0)
      value = _mm512_max_epi32(_mm512_min_epi32(value, _mm512_set1_epi32(p_.cell_clip)),
                               _mm512_set1_epi32(-p_.cell_clip));
    _mm256_mask_storeu_epi16(cell, mask, _mm512_cvtepi32_epi16(value));
    auto const round = _mm512_set1_epi32(p_.tanh_shift > 0 ? 1 << (p_.tanh_shift - 1) : 0);
    auto const moved =
        _mm512_add_epi32(_mm512_mullo_epi32(value, _mm512_set1_epi32(p_.tanh_multiplier)), round);
    auto const shown = tanh(lstm_, _mm512_sra_epi32(moved, _mm_cvtsi32_si128(p_.tanh_shift)));
    auto const scaled = Scale(lstm_.output.whole)(_mm512_mullo_epi32(shown, output_gate));
    auto const made = _mm512_add_epi32(scaled, _mm512_set1_epi32(zero_point_));
    _mm_mask_storeu_epi8(output, mask, _mm512_cvtsepi32_epi8(made));
  }

  Lstm const& lstm_;
  proto::LstmParams p_;
  int32_t zero_point_;
  int32_t* sums_;
  int16_t* gates_;
  int8_t* hidden_;
  int8_t* copy_;
};

}  // namespace

void lstm_avx512(Step const& step, void* scratch) {
  auto const p = step.op.params<proto::LstmParams>();
  auto const& input = step.inputs[0];
  ptrdiff_t const depth = input.shape[2];
  ptrdiff_t const units = step.output().shape[2];
  int32_t const batches = input.shape[p.time_major ? 1 : 0];
  int32_t const times = input.shape[p.time_major ? 0 : 1];
  ptrdiff_t const apart = p.time_major ? batches : 1;  // rows from one time to the next
  Run const run(step, scratch);
  for (int32_t batch = 0; batch < batches; ++batch) {
    auto* const hidden = step.state(4).int8() + batch * units;
    auto* const cell = step.state(5).int16() + batch * units;
    ptrdiff_t const first = p.time_major ? batch : ptrdiff_t{batch} * times;
    __builtin_memcpy(run.hidden(), hidden, static_cast<size_t>(units));
    for (int32_t time = 0; time < times; time += kTimesTogether) {
      int32_t const here = times - time < kTimesTogether ? times - time : kTimesTogether;
      ptrdiff_t const row = first + time * apart;
      run.see(input.int8() + row * depth, apart * depth, here);
      for (int32_t i = 0; i < here; ++i)
        run.advance(i, cell, step.output().int8() + (row + i * apart) * units);
    }
    __builtin_memcpy(hidden, run.hidden(), static_cast<size_t>(units));
  }
}

}  // namespace godwit::engine::x86
