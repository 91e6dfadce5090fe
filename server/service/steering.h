// How a rollout is moved on, by operators and by the scheduler alike: one transaction a step, each
// under the rollout's row lock. A step that changes the rollout changes no attempt, and the other
// way round: that keeps the order of locks (docs/server.md).
#pragma once

#include "server/domain/entities.h"

namespace godwit::server {

struct Core;
class Tx;

/// Starts a draft, inside the caller's transaction and under the row lock.
void start_rollout(Core const& core, Tx& tx, Rollout const& rollout);

/// Does everything that is due for one rollout. Nothing when another server holds it.
auto advance_rollout(Core& core, int64_t id) -> Result<>;

}  // namespace godwit::server
