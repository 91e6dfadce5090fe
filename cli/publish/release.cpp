#include "cli/publish/release.h"

#include <algorithm>

#include "proto/base/limits.h"
#include "proto/format/compress.h"
#include "proto/format/model.h"
#include "proto/trust/client.h"

namespace godwit::cli {
namespace {

using proto::ContentKey;
using proto::Target;
using proto::TrustedState;

/// The plaintext's facts fill in what the request leaves open.
auto describe(ByteView compiled, ReleaseRequest const& request) -> Result<proto::ReleaseInfo> {
  TRY(auto model, proto::parse_model(compiled).within("the compiled model"));
  proto::ReleaseInfo info{.model = request.model, .version = request.version};
  info.plain_length = compiled.size();
  info.plain_sha256 = proto::sha256(compiled);
  info.requires_ = request.requires_;
  info.gate = request.gate;
  if (!info.requires_.engine_version) info.requires_.engine_version = model.format_version();
  if (!info.requires_.ram_bytes)
    info.requires_.ram_bytes = model.arena_bytes() + model.state_bytes();
  // A slot holds the model sealed under a key of the device.
  if (!info.requires_.flash_bytes)
    info.requires_.flash_bytes = proto::sealed_length(compiled.size());
  return info;
}

/// The counter never falls from one release of a model to the next: devices would refuse it.
auto choose_counter(ReleaseRequest const& request, proto::Targets const& before)
    -> Result<uint64_t> {
  uint64_t highest = 0;
  for (auto const& [path, target] : before.targets)
    if (target.release && target.release->model == request.model)
      highest = std::max(highest, target.release->release_counter);
  uint64_t const chosen = request.release_counter.value_or(highest);
  if (chosen < highest)
    return invalid("release counter " + std::to_string(chosen) + " is below " +
                   std::to_string(highest) + " of an earlier release: devices would refuse it");
  return chosen;
}

struct SealedArtifact {
  Bytes bytes;
  ContentKey key;
};

/// Compresses if that helps, seals, and opens again what was sealed before anybody signs it.
auto seal_model(ByteView compiled, std::string const& path, proto::ReleaseInfo& info)
    -> Result<SealedArtifact> {
  auto content = proto::compress(compiled);
  info.encoding = content.size() < compiled.size() ? "zstd" : "none";
  if (info.encoding == "none") content.assign(compiled.begin(), compiled.end());
  auto const key = ContentKey::generate();
  auto const aad = proto::release_aad(path, info.plain_sha256, info.plain_length);
  auto sealed = proto::seal(key, aad, content);
  TRY(auto opened, proto::unseal(key, aad, sealed));
  if (info.encoding == "zstd") {
    TRY(opened, proto::decompress(opened, info.plain_length));
  }
  if (!std::equal(opened.begin(), opened.end(), compiled.begin(), compiled.end()))
    return internal("the sealed model does not open to what was sealed");
  return SealedArtifact{std::move(sealed), key};
}

/// The repository's next document: every earlier target stays, unknown fields too.
auto next_targets(proto::SignedDocument const& current, proto::Targets const& before,
                  std::string const& path, Target const& target, int64_t expires_s) -> Json {
  Json body = current.body();
  auto all = *body.get_object("targets");
  all.set(path, proto::to_json(target));
  proto::Targets head;
  head.version = before.version + 1;
  head.expires_s = expires_s;
  for (auto const& [name, value] : proto::to_json(head).members()) body.set(name, value);
  body.set("targets", std::move(all));
  return body;
}

auto release_text(ReleaseRequest const& request, std::string const& path) -> std::string {
  auto json = Json::object({{"model", request.model.str()},
                            {"version", request.version.str()},
                            {"parent", request.parent ? Json(request.parent->str()) : Json()},
                            {"notes", request.notes},
                            {"channel", request.channel},
                            {"path", path}});
  return json.dump(2) + "\n";
}

}  // namespace

auto make_release(ByteView compiled, ReleaseRequest const& request, Signer const& signer,
                  int64_t now_s) -> Result<SignedRelease> {
  TrustedState state{.root = signer.root, .targets = signer.targets};
  TRY(auto const before, proto::trusted_targets(state).within("the documents in the key folder"));
  TRY(auto const current, proto::SignedDocument::parse(signer.targets, limits::kMetadataBytesMax));
  SignedRelease out;
  out.path = proto::target_path(request.model, request.version);
  if (before.targets.count(out.path))
    return conflict(request.model.str() + " " + request.version.str() + " is signed already");
  TRY(auto info, describe(compiled, request));
  TRY(info.release_counter, choose_counter(request, before));
  TRY(auto sealed, seal_model(compiled, out.path, info));
  out.target.length = sealed.bytes.size();
  out.target.sha256 = proto::sha256(sealed.bytes);
  out.target.release = std::move(info);
  out.artifact = std::move(sealed.bytes);
  TRY(auto wrapped,
      proto::wrap_key(sealed.key, signer.server_public, proto::kServerReceiver, out.target.sha256)
          .within("wrapping to the server's key"));
  out.key = proto::to_json(wrapped).dump() + "\n";
  out.targets_version = before.version + 1;
  auto const body = next_targets(current, before, out.path, out.target, request.targets_expires_s);
  TRY(out.targets, proto::sign_document(body, {signer.targets_key}));
  // What a device would refuse must not leave here.
  TRY_VOID(proto::advance_targets(state, out.targets, now_s, nullptr).within("checking"));
  out.release = release_text(request, out.path);
  return out;
}

}  // namespace godwit::cli
