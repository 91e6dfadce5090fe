// Plans the memory of a graph: who lives when, who may overlap whom, and where each lies.
#pragma once

#include "compiler/graph.h"
#include "compiler/memory/arena.h"

namespace godwit::compiler {

/// Of each activation of the graph. What nobody reads lives while it is made.
auto lifetimes(Graph const& graph) -> std::vector<Lifetime>;

/// Gives each activation its place in the arena; returns the arena's size. `invalid` for a graph
/// that is larger than any arena may be.
auto plan_memory(Graph& graph) -> Result<uint32_t>;

}  // namespace godwit::compiler
