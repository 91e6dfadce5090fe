// ADD, pools, MEAN and LOOKUP: what the instruction sets share. Factors are packed as blocks whose
// lanes are all alike.
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

/// Inputs of the output's shape; an output may lie where an input is, exactly.
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

struct Mean {
  Block block;
  Finish finish;
};
/// Over height and width.
auto mean_fits(Step const& step) -> bool;
auto mean_packed_bytes(Step const& step) -> uint64_t;
void mean_pack(Step const& step, uint8_t* packed);

/// Tables of bytes.
auto lookup_fits(Step const& step) -> bool;

void lookup_avx2(Step const& step, void* scratch);
void lookup_avx512(Step const& step, void* scratch);
void add_avx2(Step const& step, void* scratch);
void add_avx512(Step const& step, void* scratch);
void average_pool_avx512(Step const& step, void* scratch);
void max_pool_avx512(Step const& step, void* scratch);
void mean_avx512(Step const& step, void* scratch);
void average_pool_avx2(Step const& step, void* scratch);
void mean_avx2(Step const& step, void* scratch);

}  // namespace godwit::engine::x86
