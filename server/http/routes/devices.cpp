// Devices, as operators see and change them.
#include "server/service/devices.h"

#include "server/http/api.h"
#include "server/http/encode.h"

namespace godwit::server {
namespace {

auto device_response(Device const& device) -> Response {
  return json_response(200, to_json(device)).with("ETag", etag(device.rev));
}

auto device_param(Call const& call) -> Result<DeviceId> {
  return DeviceId::parse(call.param("id"));
}

auto parse_patch(Json const& body) -> Result<DevicePatch> {
  DevicePatch patch;
  for (auto const& [key, value] : body.members())
    if (key != "tags" && key != "attributes") return invalid("'" + key + "' cannot be changed");
  if (body.find("tags")) {
    TRY(auto const tags, body.get_array("tags"));
    patch.tags.emplace();
    for (auto const& item : tags.items()) {
      TRY(auto tag, item.as_string());
      patch.tags->push_back(std::move(tag));
    }
  }
  if (body.find("attributes")) {
    TRY(auto const attributes, body.get_object("attributes"));
    patch.attributes.emplace();
    for (auto const& [name, value] : attributes.members()) {
      TRY(auto text, value.as_string());
      patch.attributes->emplace(name, std::move(text));
    }
  }
  return patch;
}

auto patch(Api& api, Call const& call) -> Result<Response> {
  TRY(auto const id, device_param(call));
  TRY(auto const body, call.json());
  TRY(auto const change, parse_patch(body));
  auto const if_rev = if_match(call);
  auto const device = api.service.devices().patch(id, change, if_rev);
  if (device) return device_response(*device);
  TRY(auto const current, api.service.devices().get(id));
  if (lost_race(device.error(), if_rev, current.rev)) return precondition_failed(call);
  return device.error();
}

auto revoke(Api& api, Call const& call) -> Result<Response> {
  TRY(auto const id, device_param(call));
  auto const if_rev = if_match(call);
  auto const revoked = api.service.devices().revoke(id, if_rev);
  if (revoked) return Response{.status = 204};
  if (revoked.error().code == Code::conflict && if_rev) return precondition_failed(call);
  return revoked.error();
}

}  // namespace

void add_device_routes(Router& router, Api& api) {
  std::string const devices = "/api/v1/devices";
  router.add({"GET", devices, Access::look, [&api](Call const& call) -> Result<Response> {
                TRY(auto const page, page_request(call));
                TRY(auto const found, api.service.devices().list(call.query_or("q", ""), page));
                return json_response(200, to_json(found));
              }});
  router.add({"GET", devices + "/{id}", Access::look, [&api](Call const& call) -> Result<Response> {
                TRY(auto const id, device_param(call));
                TRY(auto const device, api.service.devices().get(id));
                return device_response(device);
              }});
  router.add({"PATCH", devices + "/{id}", Access::operate,
              [&api](Call const& call) { return patch(api, call); }});
  router.add({"DELETE", devices + "/{id}", Access::administer,
              [&api](Call const& call) { return revoke(api, call); }});
  router.add({"GET", devices + "/{id}/attempts", Access::look,
              [&api](Call const& call) -> Result<Response> {
                TRY(auto const id, device_param(call));
                TRY(auto const page, page_request(call));
                TRY(auto const attempts, api.service.devices().attempts(id, page));
                return json_response(200, to_json(attempts));
              }});
}

}  // namespace godwit::server
