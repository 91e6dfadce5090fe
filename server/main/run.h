// `godwit-server run`: wires the service to its listeners, the broker and its workers.
#pragma once

#include "proto/base/result.h"
#include "server/runtime/config.h"
#include "server/service/service.h"

namespace godwit::server {

auto service_config(ServerConfig const& config) -> Config;

/// Serves until SIGTERM or SIGINT, then shuts down gracefully.
auto run(ServerConfig const& config) -> Result<>;

}  // namespace godwit::server
