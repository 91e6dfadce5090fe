// What the operators of islands of float32 compute, as the reference kernels do (real.h).
#pragma once

#include <array>
#include <optional>
#include <string>

#include "compiler/read/tflite.h"

namespace godwit::compiler {

/// Up to three numbers; truth is 1 or 0.
using RealInputs = std::array<float, 3>;
using RealFunction = float (*)(RealInputs const&);

struct RealOperator {
  TfliteCode code;
  uint32_t inputs;
  RealFunction function;
  bool activates = false;  // its first option is a fused activation
};
/// Null where no island may have the operator.
auto find_real_operator(TfliteCode code) -> RealOperator const*;

}  // namespace godwit::compiler
