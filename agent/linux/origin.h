// Where a server is: the scheme, host and port of an https URL, parsed once.
#pragma once

#include <string>
#include <string_view>

#include "proto/base/result.h"

namespace godwit::agent {

struct Origin {
  std::string host;  // a name, an IPv4 address, or an IPv6 address without brackets
  uint16_t port = 443;

  /// "https://HOST[:PORT]" with nothing after it but perhaps a slash. Nothing else than https.
  static auto parse(std::string_view url) -> Result<Origin>;
  /// As in a URL or a Host header: brackets around IPv6, the port always said.
  auto authority() const -> std::string;
};

}  // namespace godwit::agent
