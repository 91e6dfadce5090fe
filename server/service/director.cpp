#include "server/service/director.h"

#include "proto/trust/director.h"
#include "server/domain/rollout.h"
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

/// One that nobody asked for yet is asked for: this device gets the full release meanwhile, or what
/// its decoder takes from others.
auto may_get_better(std::vector<Delta> const& steps) -> bool {
  return steps.size() != 1 || steps.front().format == "bsdiff";
}

auto delta_offer(Core const& core, Bytes const& sealing_key, DeviceId const& device,
                 Delta const& delta, Sha256 const& base) -> Result<proto::DeltaOffer> {
  TRY(auto key,
      proto::rewrap_key(core.sealing_key, *delta.key, sealing_key, device, *delta.sha256));
  return proto::DeltaOffer{.format = std::string(wire_format(delta.format)),
                           .base_plain_sha256 = base,
                           .length = *delta.size_bytes,
                           .sha256 = *delta.sha256,
                           .key = std::move(key)};
}

/// Deltas are offered from the plaintext that the device runs now: one, or a chain.
auto offer_deltas(Core const& core, Tx& tx, DeviceId const& device, Bytes const& sealing_key,
                  Attempt const& attempt, Release const& release, proto::Assignment& assignment)
    -> Result<> {
  auto const running = store::running_plaintext(tx, device.str(), release.model);
  if (!running) return {};
  auto const now = core.now_ms();
  auto const steps = store::offer_deltas(tx, device.str(), release.model, *running, release.version,
                                         worthwhile_delta_bytes(release.size_bytes), now);
  if (may_get_better(steps) && attempt.from_version)
    store::want_delta(tx, release.model, *attempt.from_version, release.version, now);
  auto base = *running;
  for (auto const& step : steps) {
    TRY(auto offer, delta_offer(core, sealing_key, device, step, base));
    TRY(auto const made, require_release(tx, step.model, step.to));
    base = made.plain_sha256;
    offer.plain_sha256 = base;
    assignment.chain.push_back(std::move(offer));
  }
  if (assignment.chain.size() != 1) return {};
  assignment.delta = std::exchange(assignment.chain, {}).front();
  assignment.delta->plain_sha256.reset();
  return {};
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
  proto::Assignment assignment{.attempt = attempt.n, .rev = attempt.rev, .key = std::move(key)};
  TRY_VOID(offer_deltas(core, tx, device, sealing_key, attempt, release, assignment));
  return proto::Assigned{
      .path = release.path, .image = std::move(image), .assignment = std::move(assignment)};
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
