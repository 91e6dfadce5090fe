// Makes deltas, one at a time; rows of the table delta are the queue.
#pragma once

#include "proto/base/result.h"

namespace godwit::server {

struct Core;

/// Takes one waiting delta and finishes it: ready, rejected with the reason, or failed after some
/// tries. False when none is waiting.
auto make_one_delta(Core& core) -> Result<bool>;

}  // namespace godwit::server
