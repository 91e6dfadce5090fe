// Removes channels that have the same value for every input of the model, and channels that nobody
// needs: what they add to later layers goes into the biases there. No output byte changes.
#pragma once

#include "compiler/graph.h"

namespace godwit::compiler {

struct RemovedChannels {
  uint32_t removed = 0;  // output channels of matrix operators
  uint32_t all = 0;
};

/// Repeats until nothing is left to remove. Keeps at least one channel of every tensor.
auto remove_constant_channels(Graph& graph) -> RemovedChannels;

}  // namespace godwit::compiler
