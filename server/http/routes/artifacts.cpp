// Uploads of sealed artifacts, content-addressed: streamed to disk, kept only if the hash holds.
#include "server/storage/artifacts.h"
#include "proto/base/limits.h"
#include "server/http/api.h"
#include "server/service/releases.h"

namespace godwit::server {
namespace {

auto stored(unsigned status, Sha256 const& sha256) -> Response {
  return json_response(status, Json::object({{"sha256", sha256.hex()}}))
      .with("ETag", "\"" + sha256.hex() + "\"");
}

class ArtifactUpload : public Upload {
 public:
  ArtifactUpload(Api& api, ArtifactStore::Upload upload) : api_(api), upload_(std::move(upload)) {}

  auto write(ByteView bytes) -> Result<> override {
    size_bytes_ += bytes.size();
    if (size_bytes_ > limits::kArtifactBytesMax)
      return invalid("the artifact is larger than 1 GiB");
    return upload_.add(bytes);
  }

  auto finish() -> Result<Response> override {
    TRY(auto const info, upload_.commit());
    TRY(auto const is_new, api_.service.releases().record_artifact(info));
    if (is_new)
      api_.metrics.counter("godwit_artifact_bytes_total", "Bytes of artifacts taken in.")
          .add(info.size_bytes);
    return stored(is_new ? 201 : 200, info.sha256);
  }

 private:
  Api& api_;
  ArtifactStore::Upload upload_;
  uint64_t size_bytes_ = 0;
};

auto begin(Api& api, Call const& call) -> Result<UploadStart> {
  TRY(auto const sha256, Sha256::parse(call.param("sha256")));
  TRY(auto const known, api.service.releases().artifact_known(sha256));
  if (known) return UploadStart(stored(200, sha256));
  TRY(auto upload, api.service.artifacts().begin(sha256));
  return UploadStart(std::make_unique<ArtifactUpload>(api, std::move(upload)));
}

}  // namespace

void add_artifact_routes(Router& router, Api& api) {
  router.add({.method = "PUT",
              .pattern = "/api/v1/artifacts/{sha256}",
              .access = Access::publish,
              .upload = [&api](Call const& call) { return begin(api, call); }});
}

}  // namespace godwit::server
