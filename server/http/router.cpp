#include "server/http/router.h"

#include <algorithm>

#include "proto/base/limits.h"

namespace godwit::server {

auto role_needed(Access access) -> std::string_view {
  switch (access) {
    case Access::open:
    case Access::device:
      return "";
    case Access::look:
      return "viewer";
    case Access::operate:
      return "operator";
    case Access::publish:
      return "release_manager";
    case Access::administer:
      return "admin";
  }
  return "admin";
}
namespace {

/// "{n}.root.json" is the parameter n with a suffix; a segment without a leading brace is literal.
auto bind_segment(std::string_view pattern, std::string_view segment,
                  std::map<std::string, std::string, std::less<>>& path) -> bool {
  auto const brace = pattern.find('}');
  if (!pattern.starts_with('{') || brace == std::string_view::npos) return pattern == segment;
  auto const suffix = pattern.substr(brace + 1);
  if (segment.size() <= suffix.size() || !segment.ends_with(suffix)) return false;
  path.emplace(pattern.substr(1, brace - 1), segment.substr(0, segment.size() - suffix.size()));
  return true;
}

auto bind(std::vector<std::string> const& pattern, std::vector<std::string> const& segments,
          std::map<std::string, std::string, std::less<>>& path) -> bool {
  if (pattern.size() != segments.size()) return false;
  for (size_t i = 0; i < pattern.size(); ++i)
    if (!bind_segment(pattern[i], segments[i], path)) return false;
  return true;
}

}  // namespace

auto Call::param(std::string_view name) const -> std::string const& {
  auto const found = path.find(name);
  CHECK(found != path.end());
  return found->second;
}

auto Call::query_or(std::string_view name, std::string_view other) const -> std::string {
  auto const found = query.find(name);
  return found == query.end() ? std::string(other) : found->second;
}

auto Call::json() const -> Result<Json> {
  auto const type = request.header("Content-Type");
  if (!type.empty() && type.substr(0, type.find(';')) != "application/json")
    return invalid("the Content-Type must be application/json");
  TRY(auto body, Json::parse(request.body, {.bytes_max = kReleaseBodyBytesMax}).within("the body"));
  if (!body.is_object()) return invalid("the body must be a JSON object");
  return body;
}

void Router::add(Route route) {
  auto target = parse_target(route.pattern);
  CHECK(static_cast<bool>(target));
  CHECK(static_cast<bool>(route.handle) != static_cast<bool>(route.upload));
  route.segments = std::move(target->segments);
  routes_.push_back(std::move(route));
}

auto Router::match(std::string_view method, std::vector<std::string> const& segments) const
    -> Match {
  Match match;
  for (auto const& route : routes_) {
    std::map<std::string, std::string, std::less<>> path;
    if (!bind(route.segments, segments, path)) continue;
    if (route.method == method || (method == "HEAD" && route.method == "GET"))
      return {&route, std::move(path), ""};
    match.allowed += (match.allowed.empty() ? "" : ", ") + route.method;
    if (route.method == "GET") match.allowed += ", HEAD";
  }
  return match;
}

}  // namespace godwit::server
