// What devices fetch over mutual TLS: trust metadata made or kept for them, and artifacts by hash.
#include <charconv>

#include "server/http/api.h"
#include "server/http/range.h"
#include "server/service/director.h"
#include "server/service/releases.h"

namespace godwit::server {
namespace {

auto metadata(Result<std::string> text) -> Result<Response> {
  if (!text) return std::move(text).error();
  Response response;
  response.headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};
  response.body = *std::move(text);
  return response;
}

auto root_number(Call const& call) -> Result<uint32_t> {
  auto const& text = call.param("n");
  uint32_t number = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.starts_with('0'))
    return not_found("roots have positive numbers");
  return number;
}

auto blob(Api& api, Call const& call) -> Result<Response> {
  TRY(auto const sha256, Sha256::parse(call.param("sha256")));
  TRY(auto const found, api.service.director().blob(sha256));
  TRY(auto file, OpenFile::open(found.path.string()));
  if (file->size() != found.size_bytes)
    return internal("the artifact " + sha256.hex() + " has another size than its record");
  auto const tag = "\"" + sha256.hex() + "\"";
  auto const& request = call.request;
  auto const range =
      choose_range(request.header("Range"), request.header("If-Range"), tag, file->size());
  if (range.kind == ByteRange::Kind::unsatisfiable)
    return problem(416, "invalid", "the artifact ends before this range", request.request_id)
        .with("Content-Range", "bytes */" + std::to_string(file->size()));
  Response response;
  response.headers = {{"Content-Type", "application/octet-stream"},
                      {"ETag", tag},
                      {"Accept-Ranges", "bytes"},
                      {"Cache-Control", "private, max-age=31536000, immutable"}};
  if (auto const known = request.header("If-None-Match");
      !known.empty() && etag_listed(known, tag)) {
    response.status = 304;
    return response;
  }
  if (range.kind == ByteRange::Kind::part) {
    response.status = 206;
    response.headers.push_back(
        {"Content-Range", "bytes " + std::to_string(range.offset) + "-" +
                              std::to_string(range.offset + range.length - 1) + "/" +
                              std::to_string(file->size())});
  }
  if (request.method == "GET")
    api.metrics.counter("godwit_blob_bytes_total", "Bytes of artifacts offered to devices.")
        .add(range.length);
  response.file = FileSlice{std::move(file), range.offset, range.length};
  return response;
}

}  // namespace

void add_agent_routes(Router& router, Api& api) {
  router.add({"GET", "/device/v1/image/targets.json", Access::device,
              [&api](Call const&) { return metadata(api.service.releases().image_targets()); }});
  router.add({"GET", "/device/v1/image/{n}.root.json", Access::device,
              [&api](Call const& call) -> Result<Response> {
                TRY(auto const number, root_number(call));
                return metadata(api.service.director().image_root(number));
              }});
  router.add({"GET", "/device/v1/director/targets.json", Access::device, [&api](Call const& call) {
                return metadata(api.service.director().targets(*call.device));
              }});
  router.add({"GET", "/device/v1/director/{n}.root.json", Access::device,
              [&api](Call const& call) -> Result<Response> {
                TRY(auto const number, root_number(call));
                return metadata(api.service.director().director_root(number));
              }});
  router.add({"GET", "/device/v1/blobs/{sha256}", Access::device,
              [&api](Call const& call) { return blob(api, call); }});
}

}  // namespace godwit::server
