// What the routes stand on, and what they share: paging, entity tags, preconditions.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "server/domain/entities.h"
#include "server/http/problem.h"
#include "server/http/router.h"
#include "server/runtime/metrics.h"
#include "server/service/service.h"

namespace godwit::server {

struct Api {
  Service& service;
  Metrics& metrics;
  std::string device_url;  // told to devices when they enrol
  std::string mqtt_host;
  uint16_t mqtt_port = 0;
  std::function<bool()> broker_connected;
};

// One function for each file of routes/.
void add_health_routes(Router& router, Api& api);
void add_enrolment_routes(Router& router, Api& api);
void add_artifact_routes(Router& router, Api& api);
void add_release_routes(Router& router, Api& api);
void add_delta_routes(Router& router, Api& api);
void add_device_routes(Router& router, Api& api);
void add_filter_routes(Router& router, Api& api);
void add_rollout_routes(Router& router, Api& api);
void add_event_routes(Router& router, Api& api);
void add_trust_routes(Router& router, Api& api);
// On the devices' own listener:
void add_agent_routes(Router& router, Api& api);  // what they fetch
void add_renewal_routes(Router& router, Api& api);

auto operator_routes(Api& api) -> Router;
auto device_routes(Api& api) -> Router;

/// Bearer tokens and device certificates, checked against the service.
auto service_authenticate(Service& service) -> std::function<Result<>(Access access, Call& call)>;

/// ?limit=&cursor=.
auto page_request(Call const& call) -> Result<PageRequest>;
/// A name of the path as its type.
auto model_param(Call const& call) -> Result<ModelName>;
auto version_param(Call const& call) -> Result<Version>;

auto etag(int64_t rev) -> std::string;
/// The revision that If-Match asks for; nothing without the header or with "*"; one that nothing
/// has (-1) when it is no tag of ours.
auto if_match(Call const& call) -> std::optional<int64_t>;
/// 412: what the caller changed is not what it saw.
auto precondition_failed(Call const& call) -> Response;
/// Whether a `conflict` has the caller's revision as its cause: `rev` is the present one.
auto lost_race(Error const& error, std::optional<int64_t> if_rev, int64_t rev) -> bool;

}  // namespace godwit::server
