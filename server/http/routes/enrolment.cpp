// Enrolment of devices, the tokens that allow it, and renewal of their certificates.
#include "server/service/enrolment.h"

#include "server/http/api.h"
#include "server/http/encode.h"

namespace godwit::server {
namespace {

constexpr int64_t kUsesMax = 1'000'000;
constexpr int64_t kExpiryMaxS = 366 * 86400;

auto text_map(Json const& json, std::string_view key)
    -> Result<std::map<std::string, std::string>> {
  std::map<std::string, std::string> map;
  auto const* object = json.find(key);
  if (!object || object->is_null()) return map;
  if (!object->is_object()) return invalid("'" + std::string(key) + "' is not an object");
  for (auto const& [name, value] : object->members()) {
    auto text = value.as_string();
    if (!text) return std::move(text).error().within(name);
    map.emplace(name, *std::move(text));
  }
  return map;
}

auto enrol(Api& api, Call const& call) -> Result<Response> {
  TRY(auto const body, call.json());
  TRY(auto const token, body.get_string("token"));
  TRY(auto const device_text, body.get_string("device_id"));
  TRY(auto device, DeviceId::parse(device_text));
  TRY(auto const csr, body.get_string("csr"));
  TRY(auto const key_text, body.get_string("sealing_key"));
  TRY(auto const sealing_key, from_base64(key_text).within("sealing_key"));
  TRY(auto const hardware_id, body.get_string("hardware_id"));
  TRY(auto const attributes, text_map(body, "attributes"));
  EnrolRequest const request{token, std::move(device), csr, sealing_key, hardware_id, attributes};
  TRY(auto const enrolled, api.service.enrolment().enrol(request));
  return json_response(
      201,
      Json::object({{"device_id", enrolled.device},
                    {"certificate", enrolled.certificate},
                    {"ca", enrolled.ca},
                    {"device_url", api.device_url},
                    {"mqtt", Json::object({{"host", api.mqtt_host}, {"port", api.mqtt_port}})}}));
}

auto renew(Api& api, Call const& call) -> Result<Response> {
  TRY(auto const body, call.json());
  TRY(auto const csr, body.get_string("csr"));
  TRY(auto const renewed, api.service.enrolment().renew(*call.device, csr));
  return json_response(201, Json::object({{"device_id", renewed.device},
                                          {"certificate", renewed.certificate},
                                          {"ca", renewed.ca}}));
}

auto create_token(Api& api, Call const& call) -> Result<Response> {
  TRY(auto const body, call.json());
  TRY(auto const uses, body.get_int_or("uses", 1));
  TRY(auto const expires_in_s, body.get_int_or("expires_in_s", 86400));
  TRY(auto const note, body.get_string_or("note", ""));
  if (uses < 1 || uses > kUsesMax) return invalid("uses: 1 to 1000000");
  if (expires_in_s < 1 || expires_in_s > kExpiryMaxS)
    return invalid("expires_in_s: 1 second to 366 days");
  TRY(auto const token,
      api.service.enrolment().create_token(static_cast<uint32_t>(uses), expires_in_s, note));
  return json_response(201, to_json(token));
}

}  // namespace

void add_renewal_routes(Router& router, Api& api) {
  router.add({"POST", "/device/v1/certificate", Access::device,
              [&api](Call const& call) { return renew(api, call); }});
}

void add_enrolment_routes(Router& router, Api& api) {
  router.add({"POST", "/api/v1/enrol", Access::open,
              [&api](Call const& call) { return enrol(api, call); }});
  router.add({.method = "POST",
              .pattern = "/api/v1/enrolment-tokens",
              .access = Access::administer,
              .handle = [&api](Call const& call) { return create_token(api, call); },
              .may_store_answer = false});
  router.add({"GET", "/api/v1/enrolment-tokens", Access::administer,
              [&api](Call const& call) -> Result<Response> {
                TRY(auto const page, page_request(call));
                TRY(auto const tokens, api.service.enrolment().tokens(page));
                return json_response(200, to_json(tokens));
              }});
  router.add({"DELETE", "/api/v1/enrolment-tokens/{id}", Access::administer,
              [&api](Call const& call) -> Result<Response> {
                TRY_VOID(api.service.enrolment().delete_token(call.param("id")));
                return Response{.status = 204};
              }});
}

}  // namespace godwit::server
