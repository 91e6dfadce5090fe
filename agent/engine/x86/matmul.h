// BATCH_MATMUL: products of computed matrices, packed anew at every run.
#pragma once

#include "agent/engine/x86/elementwise.h"

namespace godwit::engine::x86 {

auto matmul_fits(Step const& step) -> bool;
auto matmul_scratch_bytes(Step const& step) -> uint64_t;
void matmul_pack(Step const& step, uint8_t* packed);
void matmul_run(Step const& step, void* scratch);

constexpr int32_t kMatmulRows = 4;

/// Four rows by sixteen columns: `pairs` pairs of int16 of each row, and of each column pair by
/// pair. Sums begin with the biases of the block.
void sum_matmul_avx2(int16_t const* rows, int16_t const* columns, int32_t pairs, Block const& block,
                     int32_t* sums);

}  // namespace godwit::engine::x86
