// Between the broker's bytes and the service's messages; pure.
#pragma once

#include <optional>
#include <string>

#include "server/link/lanes.h"
#include "server/service/device_link.h"

namespace godwit::server {

auto decode(RawMessage const& message) -> Result<UpMessage>;
/// What to answer to a message that does not decode: only a sender that gave its epoch and seq can
/// be told.
auto refusal_of(RawMessage const& message) -> std::optional<DownMessage>;

struct Publication {
  std::string topic;
  std::string payload;
  int qos = 0;
};
/// Hints at QoS 1, acknowledgements at QoS 0: a device that misses one repeats its report.
auto encode(DownMessage const& message) -> Publication;

}  // namespace godwit::server
