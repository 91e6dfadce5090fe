#include "agent/linux/origin.h"

#include <algorithm>
#include <charconv>

namespace godwit::agent {
namespace {

constexpr size_t kHostMax = 253;

auto host_char(char c) -> bool {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_' || c == ':';
}

}  // namespace

auto Origin::parse(std::string_view url) -> Result<Origin> {
  constexpr std::string_view kScheme = "https://";
  auto const failure = [&] {
    return invalid("not an https://HOST[:PORT] address: " + std::string(url.substr(0, kHostMax)));
  };
  if (!url.starts_with(kScheme)) return failure();
  auto rest = url.substr(kScheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  Origin origin;
  std::string_view port;
  if (rest.starts_with('[')) {
    auto const close = rest.find(']');
    if (close == rest.npos) return failure();
    origin.host = rest.substr(1, close - 1);
    port = rest.substr(close + 1);
  } else {
    auto const colon = std::min(rest.find(':'), rest.size());
    origin.host = rest.substr(0, colon);
    port = rest.substr(colon);
  }
  if (origin.host.empty() || origin.host.size() > kHostMax ||
      !std::all_of(origin.host.begin(), origin.host.end(), host_char))
    return failure();
  if (port.empty()) return origin;
  port.remove_prefix(1);
  auto const* end = port.data() + port.size();
  auto const [at, error] = std::from_chars(port.data(), end, origin.port);
  if (error != std::errc() || at != end || origin.port == 0) return failure();
  return origin;
}

auto Origin::authority() const -> std::string {
  bool const v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace godwit::agent
