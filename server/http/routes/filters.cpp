// Named filters: queries over devices that operators keep.
#include "server/http/api.h"
#include "server/http/encode.h"
#include "server/service/devices.h"

namespace godwit::server {
namespace {

auto put(Api& api, Call const& call) -> Result<Response> {
  auto const& name = call.param("name");
  TRY(auto const body, call.json());
  TRY(auto const query, body.get_string("query"));
  auto if_rev = if_match(call);
  if (call.request.header("If-None-Match") == "*") if_rev = 0;
  auto const filter = api.service.devices().put_filter(name, query, if_rev);
  if (filter) return json_response(200, to_json(*filter)).with("ETag", etag(filter->rev));
  if (filter.error().code == Code::conflict && if_rev) return precondition_failed(call);
  return filter.error();
}

auto remove(Api& api, Call const& call) -> Result<Response> {
  auto const& name = call.param("name");
  auto const if_rev = if_match(call);
  auto const deleted = api.service.devices().delete_filter(name, if_rev);
  if (deleted) return Response{.status = 204};
  if (deleted.error().code == Code::conflict && if_rev) return precondition_failed(call);
  return deleted.error();
}

}  // namespace

void add_filter_routes(Router& router, Api& api) {
  router.add({"GET", "/api/v1/filters", Access::look, [&api](Call const& call) -> Result<Response> {
                TRY(auto const page, page_request(call));
                TRY(auto const filters, api.service.devices().filters(page));
                return json_response(200, to_json(filters));
              }});
  router.add(
      {"GET", "/api/v1/filters/{name}", Access::look, [&api](Call const& call) -> Result<Response> {
         TRY(auto const filter, api.service.devices().filter(call.param("name")));
         return json_response(200, to_json(filter)).with("ETag", etag(filter.rev));
       }});
  router.add({"PUT", "/api/v1/filters/{name}", Access::operate,
              [&api](Call const& call) { return put(api, call); }});
  router.add({"DELETE", "/api/v1/filters/{name}", Access::operate,
              [&api](Call const& call) { return remove(api, call); }});
}

}  // namespace godwit::server
