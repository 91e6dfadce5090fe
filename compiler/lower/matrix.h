// What the lowering of convolutions shares with that of grouped ones.
#pragma once

#include "compiler/lower/lower.h"

namespace godwit::compiler {

/// Weights, bias, multipliers and shifts.
using MatrixConstants = std::array<proto::TensorSpec, 4>;

/// Gives the inputs of a matrix operator whose activation is `value`.
auto add_matrix_constants(Lowering& lowering, uint32_t value, MatrixConstants constants)
    -> std::vector<uint32_t>;

/// Makes output 0 of CONV_2D whose filters see only a part of the input's channels each.
auto finish_groups(Lowering& lowering, MatrixConstants constants, proto::ConvParams const& params)
    -> Result<>;

}  // namespace godwit::compiler
