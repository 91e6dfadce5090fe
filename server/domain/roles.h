// What a token's role allows. Who publishes releases need not be who sends them to devices: the two
// roles between viewer and admin do not hold one another.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace godwit::server {

/// viewer: look. operator: rollouts, filters, devices' tags. release_manager: artifacts, releases.
/// admin: all of it, and who may speak: enrolment tokens, revoking devices.
constexpr std::array<std::string_view, 4> kRoles = {"viewer", "operator", "release_manager",
                                                    "admin"};

constexpr auto is_role(std::string_view name) -> bool {
  return std::find(kRoles.begin(), kRoles.end(), name) != kRoles.end();
}

/// A role that is none allows nothing.
constexpr auto role_allows(std::string_view has, std::string_view needed) -> bool {
  if (!is_role(has)) return false;
  return has == "admin" || needed == "viewer" || has == needed;
}

}  // namespace godwit::server
