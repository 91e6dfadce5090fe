// Pairs of files that deltas are tried on: made ones of every awkward size and kind, and the real
// release history of tests/data/models.
#pragma once

#include <string>
#include <vector>

#include "proto/base/bytes.h"

namespace godwit::delta {

struct Pair {
  std::string name;
  Bytes old_file;
  Bytes new_file;
};

/// Sizes 0, 1 and around the block limit; identical, changed in places, disjoint, reversed, moved,
/// repetitive. Always the same.
auto made_pairs() -> std::vector<Pair>;
/// Every release beside the next one of its family.
auto history_pairs() -> std::vector<Pair>;

}  // namespace godwit::delta
