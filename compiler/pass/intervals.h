// Which values each channel of each activation can take, whatever the inputs of the model are:
// interval analysis of the quantised graph, in the engine's own arithmetic.
#pragma once

#include "compiler/graph.h"

namespace godwit::compiler {

struct Interval {
  int32_t low = -128;
  int32_t high = 127;

  auto constant() const -> bool { return low == high; }
};

/// [activation][channel]. What an operator makes whose effect is not known here is unbounded.
using Intervals = std::vector<std::vector<Interval>>;
auto analyse_intervals(Graph const& graph) -> Intervals;

}  // namespace godwit::compiler
