#include "proto/wire/topics.h"

#include <array>

namespace godwit::proto {
namespace {

constexpr std::string_view kPrefix = "v1/d/";
constexpr std::array<std::string_view, 3> kUp = {"/up/hello", "/up/job", "/up/pres"};
constexpr std::array<std::string_view, 2> kDown = {"/dn/job", "/dn/ack"};

auto join(DeviceId const& device, std::string_view suffix) -> std::string {
  return std::string(kPrefix) + device.str() + std::string(suffix);
}

}  // namespace

auto topic(DeviceId const& device, Up up) -> std::string {
  return join(device, kUp[static_cast<size_t>(up)]);
}
auto topic(DeviceId const& device, Down down) -> std::string {
  return join(device, kDown[static_cast<size_t>(down)]);
}
auto down_filter(DeviceId const& device) -> std::string {
  return join(device, "/dn/#");
}

auto parse_up(std::string_view topic) -> Result<UpTopic> {
  if (topic.starts_with(kPrefix)) {
    auto const rest = topic.substr(kPrefix.size());
    auto const slash = rest.find('/');
    for (size_t i = 0; slash != std::string_view::npos && i < kUp.size(); ++i) {
      if (rest.substr(slash) != kUp[i]) continue;
      TRY(auto device, DeviceId::parse(rest.substr(0, slash)));
      return UpTopic{std::move(device), static_cast<Up>(i)};
    }
  }
  return invalid("not an uplink topic: " + std::string(topic.substr(0, 120)));
}

}  // namespace godwit::proto
