// What int16 activations need in place of tables of all values.
#pragma once

#include "compiler/lower/lower.h"

namespace godwit::compiler {

auto lower_wide_softmax(Lowering& lowering, double beta) -> Result<>;
auto lower_wide_relu(Lowering& lowering) -> Result<>;
auto lower_wide_relu6(Lowering& lowering) -> Result<>;
auto lower_wide_leaky_relu(Lowering& lowering, float alpha) -> Result<>;

}  // namespace godwit::compiler
