// Convolutions and fully connected layers as products of a matrix and rows of activations, read
// where they lie or from a padded copy of a few lines. The same for every instruction set, which
// brings its own product.
#pragma once

#include "agent/engine/x86/matrix.h"

namespace godwit::engine::x86 {

auto conv_fits(Step const& step, Layout const& layout) -> bool;
auto conv_packed_bytes(Step const& step, Layout const& layout) -> uint64_t;
void conv_pack(Step const& step, Layout const& layout, uint8_t* packed);
auto conv_scratch_bytes(Step const& step, Layout const& layout) -> uint64_t;
void conv_run(Step const& step, Layout const& layout, MultiplyRows multiply, void* scratch,
              Part part);

auto fully_connected_fits(Step const& step) -> bool;
auto fully_connected_packed_bytes(Step const& step) -> uint64_t;
void fully_connected_pack(Step const& step, Layout const& layout, uint8_t* packed);
auto fully_connected_scratch_bytes(Step const& step, Layout const& layout) -> uint64_t;
void fully_connected_run(Step const& step, Layout const& layout, MultiplyRows multiply,
                         void* scratch);

}  // namespace godwit::engine::x86
