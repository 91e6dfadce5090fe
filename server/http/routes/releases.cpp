// Models, their releases, and how these came to devices.
#include "server/service/releases.h"

#include "proto/trust/digest.h"
#include "server/http/api.h"
#include "server/http/encode.h"
#include "server/http/range.h"

namespace godwit::server {
namespace {

/// Of a thing without a revision of its own: the hash of what is shown.
auto content_etag(Json const& json) -> std::string {
  return "\"" + proto::sha256(as_bytes(json.dump())).hex().substr(0, 32) + "\"";
}

auto release_response(unsigned status, Release const& release) -> Response {
  auto const json = to_json(release);
  return json_response(status, json).with("ETag", content_etag(json));
}

auto parse_release(Call const& call) -> Result<NewRelease> {
  TRY(auto model, model_param(call));
  TRY(auto const body, call.json());
  TRY(auto const version_text, body.get_string("version"));
  TRY(auto version, Version::parse(version_text));
  TRY(auto const parent_text, body.get_string_or("parent", ""));
  std::optional<Version> parent;
  if (!parent_text.empty()) {
    TRY(parent, Version::parse(parent_text));
  }
  TRY(auto const notes, body.get_string_or("notes", ""));
  TRY(auto const channel_text, body.get_string_or("channel", ""));
  std::optional<std::string> channel;
  if (!channel_text.empty()) channel = channel_text;
  TRY(auto const targets, body.get_string("targets"));
  TRY(auto const key, body.get_object("key"));
  TRY(auto const enc_text, key.get_string("enc"));
  TRY(auto const enc, from_base64(enc_text).within("key.enc"));
  TRY(auto const ct_text, key.get_string("ct"));
  TRY(auto const ct, from_base64(ct_text).within("key.ct"));
  return NewRelease{
      std::move(model), std::move(version), std::move(parent), notes, std::move(channel),
      targets,          {enc, ct}};
}

auto create(Api& api, Call const& call) -> Result<Response> {
  TRY(auto const request, parse_release(call));
  TRY(auto const created, api.service.releases().create(request));
  return release_response(created.created ? 201 : 200, created.release);
}

auto list(Api& api, Call const& call) -> Result<Response> {
  TRY(auto const model, model_param(call));
  TRY(auto const page, page_request(call));
  TRY(auto const found, api.service.releases().list(model, call.query_or("channel", ""), page));
  return json_response(200, to_json(found));
}

/// A change of the release that the path names, done if it is as If-Match says; that is asked where
/// the change is made, so that nothing can come between.
template <typename Change>
auto change(Call const& call, Change const& make) -> Result<Response> {
  TRY(auto const model, model_param(call));
  TRY(auto const version, version_param(call));
  auto const wanted = call.request.header("If-Match");
  bool matches = true;
  Releases::Expected const expected = [&](Release const& release) {
    matches = wanted.empty() || etag_listed(wanted, content_etag(to_json(release)));
    return matches;
  };
  auto const changed = make(model, version, expected);
  if (!matches) return precondition_failed(call);
  if (!changed) return changed.error();
  return release_response(200, *changed);
}

auto promote(Api& api, Call const& call) -> Result<Response> {
  TRY(auto const body, call.json());
  TRY(auto const channel, body.get_string("channel"));
  return change(call, [&](auto const& model, auto const& version, auto const& expected) {
    return api.service.releases().promote(model, version, channel, expected);
  });
}

auto yank(Api& api, Call const& call) -> Result<Response> {
  TRY(auto const body, call.json());
  TRY(auto const reason, body.get_string("reason"));
  return change(call, [&](auto const& model, auto const& version, auto const& expected) {
    return api.service.releases().yank(model, version, reason, expected);
  });
}

void add_model_routes(Router& router, Api& api) {
  router.add({"GET", "/api/v1/models", Access::look, [&api](Call const& call) -> Result<Response> {
                TRY(auto const page, page_request(call));
                TRY(auto const models, api.service.releases().models(page));
                return json_response(200, to_json(models));
              }});
  router.add(
      {"GET", "/api/v1/models/{model}", Access::look, [&api](Call const& call) -> Result<Response> {
         TRY(auto const name, model_param(call));
         TRY(auto const model, api.service.releases().model(name));
         auto const json = to_json(model);
         return json_response(200, json).with("ETag", content_etag(json));
       }});
  router.add({"GET", "/api/v1/models/{model}/traffic", Access::look,
              [&api](Call const& call) -> Result<Response> {
                TRY(auto const model, model_param(call));
                TRY(auto const page, page_request(call));
                TRY(auto const traffic, api.service.releases().traffic(model, page));
                return json_response(200, to_json(traffic));
              }});
  router.add({"GET", "/api/v1/traffic", Access::look, [&api](Call const& call) -> Result<Response> {
                TRY(auto const page, page_request(call));
                TRY(auto const traffic, api.service.releases().tag_traffic(page));
                return json_response(200, to_json(traffic));
              }});
}

}  // namespace

void add_release_routes(Router& router, Api& api) {
  std::string const releases = "/api/v1/models/{model}/releases";
  add_model_routes(router, api);
  router.add({.method = "POST",
              .pattern = releases,
              .access = Access::publish,
              .handle = [&api](Call const& call) { return create(api, call); },
              .body_bytes_max = kReleaseBodyBytesMax});
  router.add({"GET", releases, Access::look, [&api](Call const& call) { return list(api, call); }});
  router.add(
      {"GET", releases + "/{version}", Access::look, [&api](Call const& call) -> Result<Response> {
         TRY(auto const model, model_param(call));
         TRY(auto const version, version_param(call));
         TRY(auto const release, api.service.releases().get(model, version));
         return release_response(200, release);
       }});
  router.add({"GET", releases + "/{version}/attempts", Access::look,
              [&api](Call const& call) -> Result<Response> {
                TRY(auto const model, model_param(call));
                TRY(auto const version, version_param(call));
                TRY(auto const page, page_request(call));
                TRY(auto const attempts, api.service.releases().attempts(model, version, page));
                return json_response(200, to_json(attempts));
              }});
  router.add({"POST", releases + "/{version}/promote", Access::publish,
              [&api](Call const& call) { return promote(api, call); }});
  router.add({"POST", releases + "/{version}/yank", Access::publish,
              [&api](Call const& call) { return yank(api, call); }});
}

}  // namespace godwit::server
