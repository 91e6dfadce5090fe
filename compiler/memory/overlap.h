// Which operators may write their output over an input that nobody reads after them. What kernels
// promise for it: docs/engine.md, "Overlap".
#pragma once

#include "compiler/graph.h"
#include "compiler/memory/arena.h"

namespace godwit::compiler {

/// `lifetimes` are those of the graph's activations.
auto find_overlaps(Graph const& graph, std::vector<Lifetime> const& lifetimes)
    -> std::vector<Overlap>;

}  // namespace godwit::compiler
