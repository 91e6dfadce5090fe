// Operators computed the plain way, from what TensorFlow Lite's quantisation specification says of
// them: one output at a time, in wide integers, with nothing shared with the engine's kernels.
#pragma once

#include "proto/format/operators.h"

namespace godwit::engine {

/// The output of a model of one operator that RandomStep makes.
auto plain_output(proto::ModelView const& model, ByteView input) -> Bytes;

}  // namespace godwit::engine
