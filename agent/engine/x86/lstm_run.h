// UNIDIRECTIONAL_SEQUENCE_LSTM, whatever the vectors are: what the input says to all gates is
// multiplied for many times at once; then, time by time, what the hidden state says, and gates are
// united, in words of sixteen bits. `Words` has the operations of an instruction set.
#pragma once

#include <immintrin.h>

#include "agent/engine/operators/matrix.h"
#include "agent/engine/x86/lstm.h"

namespace godwit::engine::x86 {

#define GODWIT_INLINE __attribute__((always_inline)) inline

template <typename Words>
class LstmRun {
 public:
  using Vector = typename Words::Vector;

  GODWIT_INLINE LstmRun(Step const& step, Layout const& layout, SumGroup sum, void* scratch)
      : sum_(sum),
        value_bytes_(layout.value_bytes()),
        lstm_(*reinterpret_cast<Lstm const*>(step.packed)),
        p_(step.op.params<proto::LstmParams>()),
        places_(lstm_.depth, lstm_.units, layout.value_bytes()),
        zero_point_(static_cast<int16_t>(step.inputs[4].zero_point)),
        scratch_(static_cast<uint8_t*>(scratch)) {}

  /// One sequence, from the state that is in `hidden` and `cell`; `apart` rows from time to time.
  GODWIT_INLINE void sequence(int8_t const* input, int8_t* output, int32_t times, ptrdiff_t apart,
                              int8_t* hidden, int16_t* cell) const {
    auto const units = static_cast<size_t>(lstm_.units);
    put_row(places_.hidden, hidden, lstm_.units);
    __builtin_memcpy(at<int16_t>(places_.cell), cell, units * sizeof(int16_t));
    for (int32_t time = 0; time < times; time += kTimesTogether) {
      int32_t const here = times - time < kTimesTogether ? times - time : kTimesTogether;
      see(input, apart * lstm_.depth, here);
      input += here * apart * lstm_.depth;
      for (int32_t i = 0; i < here; ++i, output += apart * lstm_.units) {
        remember(i);
        unite(i);
        __builtin_memcpy(output, at<int8_t>(places_.made), units);
        put_row(places_.hidden, at<int8_t>(places_.made), lstm_.units);
      }
    }
    __builtin_memcpy(hidden, at<int8_t>(places_.made), units);
    __builtin_memcpy(cell, at<int16_t>(places_.cell), units * sizeof(int16_t));
  }

 private:
  template <typename T>
  GODWIT_INLINE auto at(uint64_t place) const -> T* {
    return reinterpret_cast<T*>(scratch_ + place);
  }
  GODWIT_INLINE auto gate(int32_t time, int32_t g) const -> int16_t* {
    return at<int16_t>(places_.gates) + (ptrdiff_t{time} * kGates + g) * places_.units;
  }

  /// Activations as they are multiplied.
  GODWIT_INLINE auto put_row(uint64_t place, int8_t const* from, int32_t count) const -> void* {
    if (value_bytes_ == 1)
      __builtin_memcpy(scratch_ + place, from, static_cast<size_t>(count));
    else
      widen(from, 0, count, at<int16_t>(place));
    return scratch_ + place;
  }

  /// What `count` inputs, `apart` from each other, say to all gates: Q3.12.
  GODWIT_INLINE void see(int8_t const* input, ptrdiff_t apart, int32_t count) const {
    void const* rows[kTimesTogether];
    auto* const sums = at<int32_t>(0);
    for (int32_t i = 0; i < count; ++i, input += apart) {
      rows[i] = put_row(places_.rows + static_cast<uint64_t>(i * places_.depth * value_bytes_),
                        input, lstm_.depth);
    }
    for (int32_t group = 0; group < lstm_.groups; ++group) {
      sum_(lstm_.input(), group * kGates, kGates, rows, count, sums);
      for (int32_t g = 0; g < kGates; ++g) {
        typename Words::Scale const scale(lstm_.seen[g]);
        for (int32_t i = 0; i < count; ++i)
          Words::store_lanes(gate(i, g) + group * kLanes,
                             Words::scaled_lanes(scale, sums + (g * count + i) * kLanes));
      }
    }
  }

  /// Adds what the hidden state says; both are bounded, and so is their sum.
  GODWIT_INLINE void remember(int32_t time) const {
    void const* const row = scratch_ + places_.hidden;
    auto* const sums = at<int32_t>(0);
    for (int32_t group = 0; group < lstm_.groups; ++group) {
      sum_(lstm_.recurrent(), group * kGates, kGates, &row, 1, sums);
      for (int32_t g = 0; g < kGates; ++g) {
        auto* const to = gate(time, g) + group * kLanes;
        typename Words::Scale const scale(lstm_.remembered[g]);
        Words::store_lanes(to, _mm256_adds_epi16(Words::load_lanes(to),
                                                 Words::scaled_lanes(scale, sums + g * kLanes)));
      }
    }
  }

  struct Rescaling {
    int32_t multiplier, shift;
  };

  /// Words become what a curve says of them.
  [[gnu::noinline]] void sigmoid_all(int16_t* words, int32_t count) const {
    for (int32_t i = 0; i < count; i += Words::kTogether)
      Words::store(words + i, sigmoid(Words::load(words + i)));
  }
  [[gnu::noinline]] void tanh_all(int16_t const* from, int16_t* to, Rescaling by) const {
    for (int32_t i = 0; i < places_.units; i += Words::kTogether)
      Words::store(to + i, tanh(Words::load(from + i), by));
  }

  GODWIT_INLINE void unite(int32_t time) const {
    int32_t const units = places_.units;
    auto* const cell = at<int16_t>(places_.cell);
    auto* const added =
        gate(time, 0);  // and what else is made, in the place of gates that are over
    auto const* const forget = gate(time, 1);
    auto const* const cell_gate = gate(time, 2);
    auto const* const output_gate = gate(time, 3);
    bool const sigmoids = p_.cell_activation != 0;
    sigmoid_all(added, (sigmoids ? 4 : 2) * units);
    if (!sigmoids) {
      tanh_all(gate(time, 2), gate(time, 2), {3, 0});
      sigmoid_all(gate(time, 3), units);
    }
    multiply_all(added, cell_gate, lstm_.update, added);
    multiply_all(forget, cell, lstm_.forget, cell);
    auto const clip = Words::all(p_.cell_clip > 0 ? p_.cell_clip : 32767);
    auto const least = Words::all(p_.cell_clip > 0 ? -p_.cell_clip : -32768);
    for (int32_t i = 0; i < units; i += Words::kTogether) {
      auto const value = Words::adds(Words::load(cell + i), Words::load(added + i));
      Words::store(cell + i, Words::max(Words::min(value, clip), least));
    }
    tanh_all(cell, added, {p_.tanh_multiplier, p_.tanh_shift});
    multiply_all(added, output_gate, lstm_.output, added);
    auto const zero_point = Words::all(zero_point_);
    for (int32_t i = 0; i < units; i += Words::kTogether)
      Words::store_bytes(at<int8_t>(places_.made) + i,
                         Words::adds(Words::load(added + i), zero_point));
  }

  [[gnu::noinline]] void multiply_all(int16_t const* a, int16_t const* b, Factor const& factor,
                                      int16_t* to) const {
    typename Words::Scale const scale(factor);
    for (int32_t i = 0; i < places_.units; i += Words::kTogether)
      Words::store(to + i, product(Words::load(a + i), Words::load(b + i), scale));
  }

  /// Values of sixteen bits, multiplied, scaled and bounded.
  static GODWIT_INLINE auto product(Vector a, Vector b, typename Words::Scale const& scale)
      -> Vector {
    auto const low = Words::low_half(a, b);
    auto const high = Words::high_half(a, b);
    return Words::bounded(scale(Words::unpack_low(low, high)),
                          scale(Words::unpack_high(low, high)));
  }

  /// What the curve says of steps and of fractions of 1 / 2^kBits, above one half, in units of
  /// 1 / 2^15 and half of what tanh has.
  template <int kBits>
  static GODWIT_INLINE auto interpolated(Curve const& curve, Vector step, Vector fraction,
                                         int shift) -> Vector {
    auto const found = Words::find(curve, step);
    auto const one = Words::all(1 << kBits);
    auto const low =
        Words::sum_pairs(found.low, Words::unpack_low(one, fraction), 1 << (shift - 1));
    auto const high =
        Words::sum_pairs(found.high, Words::unpack_high(one, fraction), 1 << (shift - 1));
    return Words::bounded(Words::shifted(low, shift), Words::shifted(high, shift));
  }

  /// Of Q3.12. In units of 1 / (3 * 4096), as sigmoid.cpp has it, a magnitude has 17 bits.
  GODWIT_INLINE auto sigmoid(Vector x) const -> Vector {
    auto const magnitude = Words::magnitude(x);
    auto const step = Words::high_half_unsigned(magnitude, Words::all(3 << (16 - 9)));
    auto const fraction =
        Words::both(Words::low_half(magnitude, Words::all(3)), Words::all((1 << 9) - 1));
    auto const above = interpolated<9>(lstm_.curve, step, fraction, 10);
    return Words::add(Words::signed_as(above, x), Words::all(1 << 14));
  }

  /// Of x * multiplier / 2^shift, in the same units.
  GODWIT_INLINE auto tanh(Vector x, Rescaling by) const -> Vector {
    constexpr int kBits = 8;
    auto const m = Words::all(by.multiplier);
    auto const low = Words::low_half(x, m);
    auto const high = Words::high_half(x, m);
    int32_t const round = 1 << by.shift >> 1;
    auto const rescaled = [&](Vector v) __attribute__((always_inline)) {
      return Words::magnitude32(Words::shifted(Words::add32(v, round), by.shift));
    };
    auto const a = rescaled(Words::unpack_low(low, high));
    auto const b = rescaled(Words::unpack_high(low, high));
    auto const step = Words::bounded(Words::shifted(a, kBits), Words::shifted(b, kBits));
    auto const fraction = Words::both(Words::lower_halves(a, b), Words::all((1 << kBits) - 1));
    auto const above =
        interpolated<kBits>(lstm_.curve, Words::min(step, Words::all(255)), fraction, 8);
    return Words::signed_as(above, x);
  }

  SumGroup sum_;
  int32_t value_bytes_;
  Lstm const& lstm_;
  proto::LstmParams p_;
  LstmScratch places_;
  int16_t zero_point_;
  uint8_t* scratch_;
};

template <typename Words>
void run_lstm(Step const& step, Layout const& layout, SumGroup sum, void* scratch) {
  auto const p = step.op.params<proto::LstmParams>();
  auto const& input = step.inputs[0];
  ptrdiff_t const depth = input.shape[2];
  ptrdiff_t const units = step.output().shape[2];
  int32_t const batches = input.shape[p.time_major ? 1 : 0];
  int32_t const times = input.shape[p.time_major ? 0 : 1];
  LstmRun<Words> const run(step, layout, sum, scratch);
  for (int32_t batch = 0; batch < batches; ++batch) {
    ptrdiff_t const first = p.time_major ? batch : ptrdiff_t{batch} * times;
    run.sequence(input.int8() + first * depth, step.output().int8() + first * units, times,
                 p.time_major ? batches : 1, step.state(4).int8() + batch * units,
                 step.state(5).int16() + batch * units);
  }
}

}  // namespace godwit::engine::x86
