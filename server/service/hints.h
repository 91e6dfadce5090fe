// The one place where an attempt becomes the hint that a device gets.
#pragma once

#include "server/domain/entities.h"

namespace godwit::server {

inline auto hint_of(Attempt const& attempt, uint32_t jitter_ms) -> proto::JobHint {
  bool const cancel = attempt.cancel_requested || proto::ended(attempt.state);
  return {.attempt = attempt.n,
          .rev = attempt.rev,
          .op = cancel ? "cancel" : "update",
          .component = attempt.model,
          .jitter_ms = jitter_ms};
}

}  // namespace godwit::server
