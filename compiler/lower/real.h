// Islands of float32 between bytes. Converters leave some operators in float32, with DEQUANTIZE
// before and QUANTIZE behind them. Where such values depend on one byte each, or on two, the island
// is a table: computed here, in float32 as the reference kernels do, and never on a device.
#pragma once

#include <limits>

#include "compiler/lower/lower.h"

namespace godwit::compiler {

/// Whether an operator can be part of an island.
auto computes_reals(TfliteCode code) -> bool;

/// Takes the operator into an island where it is of one; false where it must be lowered as it
/// stands.
auto lower_real_values(Lowering& lowering) -> Result<bool>;

/// After DEQUANTIZE of bytes was lowered: an island begins.
auto begin_reals(Lowering& lowering) -> Result<>;

/// What an island gave, as a value of the graph: for operators beyond it, and outputs.
auto real_value(Lowering& lowering, Reals const& reals, TfliteTensor const& tensor)
    -> Result<uint32_t>;

/// Bounds of a fused activation.
struct RealClamp {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
};

}  // namespace godwit::compiler
