// Which tensor of the new file resembles which of the old: by name, type and shape, and by what
// they hold where names say nothing. A wrong pair costs bytes, never the result.
#pragma once

#include <vector>

#include "server/delta/pages.h"
#include "server/delta/tables/tensor_table.h"

namespace godwit::delta {

/// One file beside its table.
struct TabledFile {
  ByteView bytes;
  TensorTable const& table;
  Pages& pages;
};

/// Every tensor of the new file once (one that gained or lost rows in pieces), in the order of the
/// new file; with what to predict it from where there is something: tensors that were renamed,
/// moved or reshaped too. Their scales lie in both spans, changed or not.
auto pair_tensors(TabledFile const& from, TabledFile const& to) -> std::vector<TensorPair>;

}  // namespace godwit::delta
