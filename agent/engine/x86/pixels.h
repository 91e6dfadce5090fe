// ARG_MAX and ARG_MIN over the last dimension, and RESIZE_BILINEAR_REAL: what segmentation ends
// with.
#pragma once

#include "agent/engine/kernel.h"

namespace godwit::engine::x86 {

auto arg_fits(Step const& step) -> bool;
void arg_avx2(Step const& step, void* scratch);

auto resize_real_fits(Step const& step) -> bool;
auto resize_real_scratch_bytes(Step const& step) -> uint64_t;
void resize_real_avx2(Step const& step, void* scratch);

}  // namespace godwit::engine::x86
