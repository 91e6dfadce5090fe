// Writes a patch that knows tensors: plans each, cuts the new file into blocks and codes them.
#pragma once

#include "proto/format/container.h"
#include "server/delta/match.h"
#include "server/delta/pages.h"
#include "server/delta/tensor_map.h"

namespace godwit::delta {

/// `pairs` as usable_pairs gives them, `gaps` as match_gaps does; `profile` is one of the weights
/// profiles.
auto make_weights_container(ByteView old_file, ByteView new_file, std::span<TensorPair const> pairs,
                            std::span<Match const> gaps, proto::Profile profile, Pages& pages)
    -> Bytes;

}  // namespace godwit::delta
