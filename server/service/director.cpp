#include "server/service/director.h"

#include "proto/trust/director.h"
#include "server/service/core.h"
#include "server/storage/attempts.h"
#include "server/storage/devices.h"

namespace godwit::server {
namespace {

auto require_identity(Tx& tx, DeviceId const& device) -> Result<store::Identity> {
  auto identity = store::find_identity(tx, device.str());
  if (!identity || identity->revoked)
    return denied("device '" + device.str() + "' is not enrolled");
  return *std::move(identity);
}

/// A delta is offered from the plaintext that the device runs now. One that nobody asked for yet is
/// asked for: this device gets the full release meanwhile.
auto delta_offer(Core const& core, Tx& tx, DeviceId const& device, Bytes const& sealing_key,
                 Attempt const& attempt, Release const& release)
    -> Result<std::optional<proto::DeltaOffer>> {
  std::optional<proto::DeltaOffer> none;
  auto const running = store::running_plaintext(tx, device.str(), release.model);
  if (!running) return none;
  auto const now = core.now_ms();
  auto const delta =
      store::offer_delta(tx, device.str(), release.model, *running, release.version, now);
  if (!delta) {
    if (attempt.from_version)
      store::want_delta(tx, release.model, *attempt.from_version, release.version, now);
    return none;
  }
  TRY(auto key,
      proto::rewrap_key(core.sealing_key, *delta->key, sealing_key, device, *delta->sha256));
  return std::optional(proto::DeltaOffer{.format = delta->format,
                                         .base_plain_sha256 = *running,
                                         .length = *delta->size_bytes,
                                         .sha256 = *delta->sha256,
                                         .key = std::move(key)});
}

auto assignment(Core const& core, Tx& tx, DeviceId const& device, Bytes const& sealing_key,
                Attempt const& attempt) -> Result<proto::Assigned> {
  TRY(auto const release, require_release(tx, attempt.model, attempt.version));
  TRY(auto const model, ModelName::parse(release.model));
  TRY(auto const version, Version::parse(release.version));
  proto::Target image{.length = release.size_bytes, .sha256 = release.sha256};
  image.release = proto::ReleaseInfo{.model = model, .version = version, .kind = release.kind};
  TRY(auto key,
      proto::rewrap_key(core.sealing_key, release.key, sealing_key, device, release.sha256));
  TRY(auto offer, delta_offer(core, tx, device, sealing_key, attempt, release));
  return proto::Assigned{.path = release.path,
                         .image = std::move(image),
                         .assignment = {.attempt = attempt.n,
                                        .rev = attempt.rev,
                                        .key = std::move(key),
                                        .delta = std::move(offer)}};
}

auto root_of(Core& core, std::string_view repository, uint32_t version) -> Result<std::string> {
  return core.database->transact([&](Tx& tx) -> Result<std::string> {
    auto const document = store::trust_document(tx, repository, "root", int64_t{version});
    if (!document) return not_found("no root " + std::to_string(version));
    return document->text;
  });
}

}  // namespace

auto Director::authorise(DeviceId const& device) -> Result<> {
  return core_.database->transact([&](Tx& tx) -> Result<> {
    TRY_VOID(require_identity(tx, device));
    return {};
  });
}

auto Director::targets(DeviceId const& device) -> Result<std::string> {
  int64_t version = 0;
  std::vector<proto::Assigned> assigned;
  TRY_VOID(core_.database->transact([&](Tx& tx) -> Result<> {
    assigned.clear();
    TRY(auto const identity, require_identity(tx, device));
    auto const next = store::next_director_version(tx, device.str());
    if (!next) return internal("device '" + device.str() + "' has no state");
    version = *next;
    for (auto const& attempt : store::attempts_at_device(tx, device.str())) {
      if (attempt.cancel_requested) continue;
      TRY(auto one, assignment(core_, tx, device, identity.sealing_key, attempt));
      assigned.push_back(std::move(one));
    }
    return {};
  }));
  return proto::sign_director_targets(device, version,
                                      core_.now_s() + core_.config.director_lifetime_s, assigned,
                                      core_.director_key);
}

auto Director::director_root(uint32_t version) -> Result<std::string> {
  return root_of(core_, "director", version);
}

auto Director::image_root(uint32_t version) -> Result<std::string> {
  return root_of(core_, "image", version);
}

auto Director::blob(Sha256 const& sha256) -> Result<Blob> {
  return core_.database->transact([&](Tx& tx) -> Result<Blob> {
    auto const size = store::artifact_size(tx, sha256);
    if (!size || !core_.artifacts.contains(sha256)) return not_found("no artifact " + sha256.hex());
    return Blob{core_.artifacts.path(sha256), *size};
  });
}

}  // namespace godwit::server
