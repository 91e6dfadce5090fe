// Which tensors the search for like bytes serves better than a model of weights: those of a few
// numbers, and those of which the old file holds whole runs in other places, for rows or columns
// came, went or changed their order while their weights stayed.
#pragma once

#include <vector>

#include "server/delta/pages.h"
#include "server/delta/tensor_map.h"

namespace godwit::delta {

/// The pairs without those; what they read of the old file is then open to the search, too.
auto without_searched(ByteView old_file, ByteView new_file, std::vector<TensorPair> pairs,
                      Pages& pages) -> std::vector<TensorPair>;

}  // namespace godwit::delta
