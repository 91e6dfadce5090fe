// The address of a server, and text made safe to stand inside one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/base/result.h"

namespace godwit::cli {

struct Url {
  std::string host;  // a name or an address; IPv6 without its brackets
  uint16_t port = 443;

  /// https://HOST[:PORT][/] and nothing more: no other scheme, no user, no path.
  static auto parse(std::string_view text) -> Result<Url>;
  auto authority() const -> std::string;
  auto str() const -> std::string { return "https://" + authority(); }
  auto operator==(Url const&) const -> bool = default;
};

/// For one segment of a path, or one value of a query: everything but RFC 3986's unreserved
/// characters is escaped.
auto escaped(std::string_view text) -> std::string;

}  // namespace godwit::cli
