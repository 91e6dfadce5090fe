// Following a rollout to its end: a live page on a terminal, a line or a JSON object per change
// elsewhere.
#pragma once

#include <cstdint>
#include <string>

#include "cli/client/api.h"
#include "cli/core/context.h"

namespace godwit::cli {

/// Returns when the rollout has ended: exit code good when it succeeded, rolled_back when not.
/// `timeout_s` (0: none) later it gives up with code declined; the rollout goes on.
auto watch_rollout(Context& context, Api const& api, std::string const& id, int64_t timeout_s)
    -> Result<>;

}  // namespace godwit::cli
