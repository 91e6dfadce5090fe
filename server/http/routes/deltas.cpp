// Deltas between releases: how each stands, and asking for one by hand.
#include "server/http/api.h"
#include "server/http/encode.h"
#include "server/runtime/log.h"
#include "server/service/releases.h"

namespace godwit::server {
namespace {

auto list(Api& api, Call const& call, std::optional<ModelName> model) -> Result<Response> {
  TRY(auto const page, page_request(call));
  Releases::DeltaQuery const query{.model = std::move(model),
                                   .from = call.query_or("from", ""),
                                   .to = call.query_or("to", ""),
                                   .state = call.query_or("state", "")};
  TRY(auto const deltas, api.service.releases().deltas(query, page));
  return json_response(200, to_json(deltas));
}

auto request(Api& api, Call const& call) -> Result<Response> {
  TRY(auto model, model_param(call));
  TRY(auto const body, call.json());
  TRY(auto const from_text, body.get_string("from"));
  TRY(auto from, Version::parse(from_text));
  TRY(auto const to_text, body.get_string("to"));
  TRY(auto to, Version::parse(to_text));
  TRY(auto const format, body.get_string_or("format", ""));
  auto const& by = call.principal.name;
  TRY(auto const deltas, api.service.releases().request_delta(
                             {std::move(model), std::move(from), std::move(to), format, by}));
  log(LogLevel::info, "a delta was asked for",
      {{"by", by},
       {"model", call.param("model")},
       {"from", from_text},
       {"to", to_text},
       {"format", format}});
  return json_response(200, to_json(deltas));
}

}  // namespace

void add_delta_routes(Router& router, Api& api) {
  router.add({"GET", "/api/v1/deltas", Access::look,
              [&api](Call const& call) { return list(api, call, std::nullopt); }});
  router.add({"GET", "/api/v1/models/{model}/deltas", Access::look,
              [&api](Call const& call) -> Result<Response> {
                TRY(auto model, model_param(call));
                return list(api, call, std::move(model));
              }});
  router.add({"POST", "/api/v1/models/{model}/deltas", Access::operate,
              [&api](Call const& call) { return request(api, call); }});
}

}  // namespace godwit::server
