// What a patch is made of, tensor by tensor: how each was coded, what it takes and which share of
// the patch that is.
#pragma once

#include <string>
#include <vector>

#include "cli/core/output.h"
#include "proto/format/container.h"
#include "server/delta/tables/tensor_table.h"

namespace godwit::cli {

/// A run of the new file that was made in one way.
struct PatchPart {
  std::string name;  // of the tensor, where it is known
  std::string type;  // of elements; "bytes" where no tensor was seen
  std::string mode;  // "copy", "residual, row scale, low rank", "self"
  uint64_t offset = 0;
  uint64_t bytes = 0;  // of the new file
  uint64_t rows = 0;
  uint64_t cols = 0;
  uint64_t patch_bytes = 0;

  auto bits_per_weight() const -> double;
};

/// In the order of the new file; pieces of one tensor in several blocks are one part. `names` is
/// the table of the old or of the new file, empty if unknown.
auto patch_parts(proto::Container const& container) -> Result<std::vector<PatchPart>>;
/// Names the parts by where they lie in the new file.
void name_parts(std::vector<PatchPart>& parts, delta::TensorTable const& table);

auto parts_json(std::vector<PatchPart> const& parts, uint64_t patch_bytes) -> Json;
auto parts_table(std::vector<PatchPart> const& parts, uint64_t patch_bytes) -> Table;

}  // namespace godwit::cli
