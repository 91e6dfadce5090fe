// MQTT topics of the device protocol, version 1 (docs/device-protocol.md).
#pragma once

#include <string>
#include <string_view>

#include "proto/base/ids.h"

namespace godwit::proto {

enum class Up { hello, job, presence };
enum class Down { job, ack };

/// "v1/d/<id>/up/hello" and its siblings.
auto topic(DeviceId const& device, Up up) -> std::string;
/// "v1/d/<id>/dn/job" and its siblings.
auto topic(DeviceId const& device, Down down) -> std::string;
/// What a device subscribes to: "v1/d/<id>/dn/#".
auto down_filter(DeviceId const& device) -> std::string;

/// What servers subscribe to, as members of one shared subscription.
constexpr std::string_view kServerFilter = "$share/godwit/v1/d/+/up/#";

struct UpTopic {
  DeviceId device;
  Up up;
};
/// Takes an uplink topic apart; `invalid` for any other topic.
auto parse_up(std::string_view topic) -> Result<UpTopic>;

}  // namespace godwit::proto
