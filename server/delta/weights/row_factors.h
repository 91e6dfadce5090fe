// Finds float32 that are halves times a factor of their row: networks trained or kept in fp16 whose
// batch normalisation was folded into the weights, and what was dequantised by rows.
#pragma once

#include <vector>

#include "proto/format/weights/segment_pass.h"
#include "server/delta/pages.h"
#include "server/delta/tensor_map.h"

namespace godwit::delta {

struct RowFactors {
  std::vector<proto::weights::HalvesFactors> rows;  // empty: one row has none
  uint32_t trailing = 0;  // so many of the lowest bits of all halves are zero
};

/// Factors with which half_times gives every number of the tensor exactly. They bring rows to about
/// one size.
auto row_factors(ByteView file, TensorSpan const& tensor, Pages& pages) -> RowFactors;

/// Completes them by a factor for each old row, with which its numbers come nearest to the new
/// row's halves: its own, where it has halves as well, moved by a power of two.
void add_old_factors(ByteView old_file, ByteView new_file, TensorPair const& pair,
                     std::vector<proto::weights::HalvesFactors>& rows, Pages& pages);

}  // namespace godwit::delta
