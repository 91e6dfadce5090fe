// Takes operators out of the graph whose work the next one can do: PAD before a convolution,
// RESHAPE before FULLY_CONNECTED, which reads its input as one run of values anyway, LOOKUP before
// MUL by the value that was looked up.
#pragma once

#include "compiler/graph.h"

namespace godwit::compiler {

/// Returns how many operators went.
auto fold_into_consumers(Graph& graph) -> uint32_t;

/// Takes out operators whose value nobody reads, as lowering may leave them.
void remove_idle(Graph& graph);

}  // namespace godwit::compiler
