// The running agent: enrols when it must, then turns what happens (messages, time, a signal) into
// calls of the updater, on one thread.
#pragma once

#include "agent/engine/engine.h"
#include "agent/linux/config.h"

namespace godwit::agent {

/// Until `stop_fd` becomes readable. An error means that this device cannot work: no identity to be
/// had, or storage that cannot be used.
auto run_agent(AgentConfig const& config, engine::EngineOptions const& options, int stop_fd)
    -> Result<>;

/// Makes sure of an identity; repeats while the server cannot be reached or no token lies there.
auto ensure_enrolled(AgentConfig const& config, int stop_fd) -> Result<>;

/// The last written status of a running or stopped agent, as JSON.
auto read_status(AgentConfig const& config) -> Result<Json>;

}  // namespace godwit::agent
