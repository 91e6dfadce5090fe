#include "server/http/api.h"

#include <charconv>

#include "proto/base/limits.h"
#include "server/service/director.h"

namespace godwit::server {
namespace {

template <typename Number>
auto whole_number(std::string_view text) -> std::optional<Number> {
  Number value{};
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

auto bearer_token(Request const& request) -> std::string_view {
  constexpr std::string_view kScheme = "Bearer ";
  auto const value = request.header("Authorization");
  return value.starts_with(kScheme) ? value.substr(kScheme.size()) : std::string_view();
}

}  // namespace

auto operator_routes(Api& api) -> Router {
  Router router;
  add_health_routes(router, api);
  add_enrolment_routes(router, api);
  add_artifact_routes(router, api);
  add_release_routes(router, api);
  add_delta_routes(router, api);
  add_device_routes(router, api);
  add_filter_routes(router, api);
  add_rollout_routes(router, api);
  add_event_routes(router, api);
  add_trust_routes(router, api);
  return router;
}

auto device_routes(Api& api) -> Router {
  Router router;
  add_agent_routes(router, api);
  add_renewal_routes(router, api);
  return router;
}

auto service_authenticate(Service& service) -> std::function<Result<>(Access access, Call& call)> {
  return [&service](Access access, Call& call) -> Result<> {
    if (!role_needed(access).empty()) {
      auto const token = bearer_token(call.request);
      if (token.empty()) return denied("a bearer token is needed");
      TRY(call.principal, service.tokens().authenticate(token));
    } else if (access == Access::device) {
      auto device = DeviceId::parse(call.request.peer_name);
      if (!device) return denied("the client certificate names no device");
      TRY_VOID(service.director().authorise(*device));
      call.device = *std::move(device);
    }
    return {};
  };
}

auto page_request(Call const& call) -> Result<PageRequest> {
  PageRequest page;
  page.limit = limits::kPageItemsDefault;
  page.cursor = call.query_or("cursor", "");
  if (auto const text = call.query_or("limit", ""); !text.empty()) {
    auto const limit = whole_number<size_t>(text);
    if (!limit || *limit == 0 || *limit > limits::kPageItemsMax)
      return invalid("limit must be 1 to " + std::to_string(limits::kPageItemsMax));
    page.limit = *limit;
  }
  return page;
}

auto model_param(Call const& call) -> Result<ModelName> {
  return ModelName::parse(call.param("model"));
}

auto version_param(Call const& call) -> Result<Version> {
  return Version::parse(call.param("version"));
}

auto etag(int64_t rev) -> std::string {
  return "\"" + std::to_string(rev) + "\"";
}

auto if_match(Call const& call) -> std::optional<int64_t> {
  auto const value = call.request.header("If-Match");
  if (value.empty() || value == "*") return std::nullopt;
  if (value.size() < 3 || !value.starts_with('"') || !value.ends_with('"')) return -1;
  return whole_number<int64_t>(value.substr(1, value.size() - 2)).value_or(-1);
}

auto precondition_failed(Call const& call) -> Response {
  return problem(412, "conflict", "it has changed since you read it: read it again",
                 call.request.request_id);
}

auto lost_race(Error const& error, std::optional<int64_t> if_rev, int64_t rev) -> bool {
  return error.code == Code::conflict && if_rev && *if_rev != rev;
}

}  // namespace godwit::server
