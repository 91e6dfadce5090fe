// Liveness, readiness, metrics and the description of the interface.
#include "server/http/api.h"
#include "server/http/openapi.h"

namespace godwit::server {
namespace {

auto ready(Api& api) -> Response {
  auto const database = api.service.ready();
  bool const broker = api.broker_connected();
  auto response = json_response(
      database && broker ? 200 : 503,
      Json::object({{"database", database ? std::string("ok") : database.error().what},
                    {"broker", broker ? "ok" : "not connected"}}));
  if (response.status == 503) response.headers.push_back({"Retry-After", "1"});
  return response;
}

}  // namespace

void add_health_routes(Router& router, Api& api) {
  router.add({"GET", "/healthz", Access::open, [](Call const&) -> Result<Response> {
                return json_response(200, Json::object({{"status", "ok"}}));
              }});
  router.add({"GET", "/readyz", Access::open,
              [&api](Call const&) -> Result<Response> { return ready(api); }});
  router.add({"GET", "/metrics", Access::open, [&api](Call const&) -> Result<Response> {
                Response response;
                response.headers.push_back({"Content-Type", "text/plain; version=0.0.4"});
                response.body = api.metrics.render();
                return response;
              }});
  router.add({"GET", "/api/v1/openapi.json", Access::open, [](Call const&) -> Result<Response> {
                Response response;
                response.headers.push_back({"Content-Type", "application/json"});
                response.body = openapi_document();
                return response;
              }});
}

}  // namespace godwit::server
