// ADD, SUB, SQUARED_DIFFERENCE, MUL, PRELU, MAXIMUM, MINIMUM, QUANTIZE, pools, MEAN and LOOKUP:
// what the instruction sets share. Factors are packed as blocks whose lanes are all alike.
#pragma once

#include "agent/engine/x86/linear_sum.h"
#include "agent/engine/x86/matrix.h"

namespace godwit::engine::x86 {

constexpr int32_t kPlanes = 4;  // the bytes of an int32

/// What each of the 256 values of an input becomes before it is added.
struct Scaled {
  alignas(kMemoryAlignment) int32_t values[256];           // by the value as uint8
  alignas(kMemoryAlignment) uint8_t planes[kPlanes][256];  // the same, byte by byte
};

struct Add {
  LinearSum linear;
  Scaled first, second;  // the rest is for sums that are not linear
  Block output;
  Finish finish;
};

/// Calls `run` for elements that lie one after another in the output and in both inputs. What is
/// one value of an input for many of the output is spread out before.
using Run = void (*)(Step const& step, int8_t const* a, int8_t const* b, int8_t* out,
                     int32_t count);
void for_each_run(Step const& step, Run run);

/// Of SUB too. An output may lie where an input of its shape is, exactly.
auto add_fits(Step const& step) -> bool;
auto add_packed_bytes(Step const& step) -> uint64_t;
void add_pack(Step const& step, uint8_t* packed);

/// The part of a window that lies inside the input.
struct Area {
  int32_t top, bottom, left, right;  // half open

  auto count() const -> int32_t { return (bottom - top) * (right - left); }
};
auto window_area(proto::PoolParams const& p, Shape const& input, int32_t y, int32_t x) -> Area;

auto average_pool_fits(Step const& step) -> bool;
auto max_pool_fits(Step const& step) -> bool;

/// What is computed before it is scaled.
struct Scalable {
  Block block;
  Finish finish;
};

/// Of PRELU: values, and values times slopes.
struct Prelu {
  Scalable positive, negative;
};

auto mul_fits(Step const& step) -> bool;
auto scalable_bytes(Step const& step) -> uint64_t;
/// Sums of `depth` products of both inputs' values.
void pack_product(Step const& step, proto::Multiplier multiplier, proto::Clamp clamp, int32_t depth,
                  uint8_t* packed);
void mul_pack(Step const& step, uint8_t* packed);

/// The tables of Add, and squares of what they add up to.
auto squared_difference_fits(Step const& step) -> bool;
auto prelu_fits(Step const& step) -> bool;
auto prelu_packed_bytes(Step const& step) -> uint64_t;
void prelu_pack(Step const& step, uint8_t* packed);

/// What MEAN adds up, where its axes lie side by side: `count` values that are `inner` apart.
struct MeanLines {
  int32_t outer = 1;
  int32_t count = 1;
  int32_t inner = 1;
  bool together = true;
};
auto mean_lines(Step const& step) -> MeanLines;
auto mean_fits(Step const& step) -> bool;
void mean_pack(Step const& step, uint8_t* packed);

/// MAXIMUM and MINIMUM.
auto choice_fits(Step const& step) -> bool;

/// From float32 to bytes.
auto quantize_fits(Step const& step) -> bool;

/// Tables of bytes.
auto lookup_fits(Step const& step) -> bool;

void lookup_avx2(Step const& step, void* scratch);
void lookup_avx512(Step const& step, void* scratch);
void add_avx2(Step const& step, void* scratch);
void add_avx512(Step const& step, void* scratch);
void mul_avx2(Step const& step, void* scratch);
void mul_avx512(Step const& step, void* scratch);
void squared_difference_avx2(Step const& step, void* scratch);
void prelu_avx2(Step const& step, void* scratch);
void choose_avx2(Step const& step, void* scratch);
void choose_avx512(Step const& step, void* scratch);
void quantize_avx2(Step const& step, void* scratch);
void quantize_avx512(Step const& step, void* scratch);
void average_pool_avx512(Step const& step, void* scratch);
void max_pool_avx512(Step const& step, void* scratch);
void average_pool_avx2(Step const& step, void* scratch);
void mean_avx2(Step const& step, void* scratch);
void mean_of_lines_avx2(Step const& step, void* scratch);

}  // namespace godwit::engine::x86
