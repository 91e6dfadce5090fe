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

enum class WhenHeld { skip, wait };

/// Does everything that is due for one rollout. While another transaction holds it, either leaves
/// it to a later pass, or waits: for an operator to whom the answer says that it is done.
auto advance_rollout(Core& core, int64_t id, WhenHeld when_held = WhenHeld::skip) -> Result<>;

}  // namespace godwit::server
