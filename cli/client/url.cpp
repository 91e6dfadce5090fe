#include "cli/client/url.h"

#include <charconv>

namespace godwit::cli {
namespace {

auto is_unreserved(char c) -> bool {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

auto is_host(std::string_view host, bool bracketed) -> bool {
  if (host.empty() || host.size() > 253) return false;
  for (char c : host)
    if (!(is_unreserved(c) || (bracketed && c == ':'))) return false;
  return true;
}

}  // namespace

auto Url::parse(std::string_view text) -> Result<Url> {
  auto const wrong = [&](char const* why) {
    return invalid("'" + std::string(text) + "' is not a server's address: " + why +
                   "; write https://HOST:PORT");
  };
  constexpr std::string_view kScheme = "https://";
  if (!text.starts_with(kScheme)) return wrong("it does not begin with https://");
  auto rest = text.substr(kScheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find_first_of("/?#@") != std::string_view::npos)
    return wrong("more than a host and a port");

  Url url;
  std::string_view port;
  bool has_port = false;
  if (rest.starts_with('[')) {
    size_t const close = rest.find(']');
    if (close == std::string_view::npos) return wrong("no closing bracket");
    url.host = rest.substr(1, close - 1);
    port = rest.substr(close + 1);
    if (!port.empty() && port.front() != ':') return wrong("text after the bracket");
    has_port = !port.empty();
    if (!is_host(url.host, true)) return wrong("no such host");
  } else {
    size_t const colon = rest.find(':');
    has_port = colon != std::string_view::npos;
    url.host = rest.substr(0, colon);
    port = has_port ? rest.substr(colon) : "";
    if (!is_host(url.host, false)) return wrong("no such host");
  }
  if (has_port) {
    port.remove_prefix(1);
    auto const [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (error != std::errc() || end != port.data() + port.size() || url.port == 0)
      return wrong("no such port");
  }
  return url;
}

auto Url::authority() const -> std::string {
  auto const name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == 443 ? name : name + ":" + std::to_string(port);
}

auto escaped(std::string_view text) -> std::string {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    if (is_unreserved(c)) {
      out += c;
      continue;
    }
    auto const byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

}  // namespace godwit::cli
