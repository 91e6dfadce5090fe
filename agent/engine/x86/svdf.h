// SVDF: what its kernel reads.
#pragma once

#include "agent/engine/x86/factor.h"

namespace godwit::engine::x86 {

struct alignas(kMemoryAlignment) Svdf {
  int32_t filters, units;
  int32_t length;       // of the state that makes a unit
  int32_t chunks;       // of sixteen values, likewise; the last one is filled up with zeros
  uint32_t bias_at;     // int32_t: of units, in the order of half blocks
  uint32_t weights_at;  // int16_t: of time, a unit's chunks one after another
  uint32_t feature_at;  // Matrix
  Factor feature;
  Block output;  // all lanes alike
  Finish finish;

  auto bias() const { return at<int32_t>(bias_at); }
  auto weights() const { return at<int16_t>(weights_at); }
  auto matrix() const -> Matrix const& { return *at<Matrix>(feature_at); }

 private:
  template <typename T>
  auto at(uint32_t place) const -> T const* {
    return reinterpret_cast<T const*>(reinterpret_cast<uint8_t const*>(this) + place);
  }
};

/// Scratch memory.
struct SvdfScratch {
  uint64_t row;     // int16_t: an input
  uint64_t newest;  // int16_t: what each filter sees
  uint64_t state;   // int16_t: a batch's state without its zero point
  uint64_t end;

  explicit SvdfScratch(Step const& step);
};

auto svdf_fits(Step const& step) -> bool;
auto svdf_packed_bytes(Step const& step) -> uint64_t;
void svdf_pack(Step const& step, uint8_t* packed);
auto svdf_scratch_bytes(Step const& step) -> uint64_t;

void svdf_avx2(Step const& step, void* scratch);

}  // namespace godwit::engine::x86
