// Image metadata for operators' tools: the exact bytes that the release keys signed.
#include "proto/trust/digest.h"
#include "server/http/api.h"
#include "server/service/releases.h"

namespace godwit::server {
namespace {

auto document(Result<std::string> text) -> Result<Response> {
  if (!text) return std::move(text).error();
  Response response;
  response.headers = {{"Content-Type", "application/json"},
                      {"ETag", "\"" + proto::sha256(as_bytes(*text)).hex() + "\""}};
  response.body = *std::move(text);
  return response;
}

}  // namespace

void add_trust_routes(Router& router, Api& api) {
  router.add({"GET", "/api/v1/trust/image/targets.json", Access::look,
              [&api](Call const&) { return document(api.service.releases().image_targets()); }});
  router.add({"GET", "/api/v1/trust/image/root.json", Access::look,
              [&api](Call const&) { return document(api.service.releases().image_root()); }});
}

}  // namespace godwit::server
