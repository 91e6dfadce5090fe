#include "server/service/releases.h"

#include <algorithm>

#include "proto/base/limits.h"
#include "proto/trust/client.h"
#include "server/service/core.h"
#include "server/storage/attempts.h"
#include "server/storage/delta_queue.h"
#include "server/storage/traffic.h"

namespace godwit::server {
namespace {

constexpr size_t kNotesBytesMax = 65536;

struct Verified {
  proto::Targets targets;
  store::TrustDocument newest;  // what is trusted now
  bool advanced = false;        // newer than what was stored
  bool renounced = false;       // the root trusts the stored targets' keys no longer
};

/// The Image targets that count after this request: those sent, or newer ones that are stored
/// already (an older bundle pushed late), in which the release must stand all the same.
auto verify_targets(Core const& core, Tx& tx, std::string const& sent) -> Result<Verified> {
  auto const stored = store::trust_document(tx, "image", "targets");
  proto::TrustedState state{core.image_root, stored ? stored->text : ""};
  auto const trusted = proto::trusted_targets(state);
  if (trusted) {
    TRY(auto const document, proto::SignedDocument::parse(sent, limits::kMetadataBytesMax));
    TRY(auto const claimed, proto::parse_targets(document.body()));
    if (claimed.version < trusted->version) return Verified{*trusted, *stored};
  }
  TRY(auto targets,
      proto::advance_targets(state, sent, core.now_s(), nullptr).within("image targets"));
  bool const advanced = !trusted || targets.version > trusted->version;
  store::TrustDocument newest{targets.version, state.targets};
  return Verified{std::move(targets), std::move(newest), advanced, stored && !trusted};
}

void keep_targets(Core const& core, Tx& tx, Verified const& verified) {
  // A stolen key may have signed a version that nothing could follow.
  if (verified.renounced) store::drop_trust_documents(tx, "image", "targets");
  if (verified.advanced)
    store::put_trust_document(tx, "image", "targets", verified.newest, core.now_ms());
}

/// Released is released: a newer document still holds every release that is not yanked, unchanged.
auto check_keeps_releases(Tx& tx, proto::Targets const& targets) -> Result<> {
  for (auto const& [path, sha256] : store::release_targets(tx)) {
    auto const found = targets.targets.find(path);
    if (found == targets.targets.end())
      return conflict("the targets no longer hold the release " + path);
    if (found->second.sha256 != sha256)
      return conflict("the targets hold another content of the release " + path);
  }
  return {};
}

auto release_of(NewRelease const& request, std::string const& path, proto::Target const& target)
    -> Release {
  auto const& info = *target.release;
  Release r;
  r.model = request.model.str();
  r.version = request.version.str();
  if (request.parent) r.parent = request.parent->str();
  r.notes = request.notes;
  r.channel = request.channel;
  r.kind = info.kind;
  r.path = path;
  r.sha256 = target.sha256;
  r.size_bytes = target.length;
  r.plain_sha256 = info.plain_sha256;
  r.plain_size_bytes = info.plain_length;
  r.encoding = info.encoding;
  r.release_counter = info.release_counter;
  r.requires_ = info.requires_;
  r.gate = info.gate;
  r.key = request.key;
  return r;
}

/// The release that the targets name, as it would be stored.
auto named_release(NewRelease const& request, proto::Targets const& targets) -> Result<Release> {
  auto const path = proto::target_path(request.model, request.version);
  auto const found = targets.targets.find(path);
  if (found == targets.targets.end()) return invalid("the targets hold no " + path);
  auto const& target = found->second;
  if (!target.release) return invalid(path + " is no release in the targets");
  if (target.release->model != request.model || !(target.release->version == request.version))
    return invalid(path + " describes another release");
  if (target.length > limits::kArtifactBytesMax ||
      target.release->plain_length > limits::kModelBytesMax)
    return invalid(path + " is larger than a release may be");
  return release_of(request, path, target);
}

/// Everything that must hold before a release is offered to any device: the artifact is here, and
/// our key opens it to exactly the plaintext that was signed.
auto check_content(Core const& core, Tx& tx, Release const& release) -> Result<> {
  auto const size = store::artifact_size(tx, release.sha256);
  if (!size) return invalid("the artifact " + release.sha256.hex() + " was not uploaded");
  if (*size != release.size_bytes)
    return invalid("the artifact has " + std::to_string(*size) + " bytes, the targets say " +
                   std::to_string(release.size_bytes));
  TRY_VOID(plaintext_of(core, release).within("opening the artifact"));
  return {};
}

auto create_in(Core const& core, Tx& tx, NewRelease const& request) -> Result<Releases::Created> {
  store::lock_image_repository(tx);
  TRY(auto const verified, verify_targets(core, tx, request.targets));
  TRY(auto const release, named_release(request, verified.targets));
  auto const now = core.now_ms();
  if (auto existing = store::find_release(tx, release.model, release.version)) {
    if (existing->sha256 == release.sha256 && existing->parent == release.parent &&
        existing->notes == release.notes) {
      // With renewed targets around it, this is how they come here without a new release.
      TRY_VOID(check_keeps_releases(tx, verified.targets));
      if (verified.advanced)
        store::put_trust_document(tx, "image", "targets", verified.newest, now);
      return Releases::Created{*std::move(existing), false};
    }
    return conflict("release " + release.version + " of '" + release.model +
                    "' exists with another content");
  }
  if (release.parent) {
    TRY_VOID(require_release(tx, release.model, *release.parent).within("parent"));
  }
  TRY_VOID(check_keeps_releases(tx, verified.targets));
  TRY_VOID(check_content(core, tx, release));
  store::insert_release(tx, release, now);
  keep_targets(core, tx, verified);
  if (release.parent) store::want_delta(tx, release.model, *release.parent, release.version, now);
  store::want_deltas_of_fleet(tx, release.model, release.version, core.config.delta_sources, now);
  TRY(auto stored, require_release(tx, release.model, release.version));
  return Releases::Created{std::move(stored), true};
}

}  // namespace

auto Releases::create(NewRelease const& request) -> Result<Created> {
  if (request.notes.size() > kNotesBytesMax) return invalid("'notes' is too long");
  if (request.channel) {
    TRY_VOID(check_label(*request.channel, "channel"));
  }
  return core_.database->transact([&](Tx& tx) { return create_in(core_, tx, request); });
}

auto Releases::get(ModelName const& model, Version const& version) -> Result<Release> {
  return core_.database->transact(
      [&](Tx& tx) { return require_release(tx, model.str(), version.str()); });
}

auto Releases::list(ModelName const& model, std::string const& channel, PageRequest const& page)
    -> Result<Page<Release>> {
  return core_.database->transact([&](Tx& tx) -> Result<Page<Release>> {
    if (!store::find_model(tx, model)) return not_found("no model '" + model.str() + "'");
    return store::list_releases(tx, model, channel, page);
  });
}

/// The release as it is, held until the end of the transaction.
static auto expect_release(Tx& tx, ModelName const& model, Version const& version,
                           Releases::Expected const& expected) -> Result<Release> {
  auto release = store::lock_release(tx, model.str(), version.str());
  if (!release) return require_release(tx, model.str(), version.str());  // says what there is not
  if (expected && !expected(*release)) return conflict("the release was changed meanwhile");
  return *std::move(release);
}

auto Releases::promote(ModelName const& model, Version const& version, std::string const& channel,
                       Expected const& expected) -> Result<Release> {
  TRY_VOID(check_label(channel, "channel"));
  return core_.database->transact([&](Tx& tx) -> Result<Release> {
    TRY(auto const release, expect_release(tx, model, version, expected));
    if (release.yanked) return conflict("the release is yanked: " + *release.yanked);
    store::set_channel(tx, model.str(), version.str(), channel);
    return require_release(tx, model.str(), version.str());
  });
}

auto Releases::yank(ModelName const& model, Version const& version, std::string const& reason,
                    Expected const& expected) -> Result<Release> {
  if (reason.empty() || reason.size() > 1024) return invalid("'reason' has 1 to 1024 bytes");
  return core_.database->transact([&](Tx& tx) -> Result<Release> {
    TRY_VOID(expect_release(tx, model, version, expected));
    store::set_yanked(tx, model.str(), version.str(), reason);
    return require_release(tx, model.str(), version.str());
  });
}

auto Releases::model(ModelName const& name) -> Result<Model> {
  return core_.database->transact([&](Tx& tx) -> Result<Model> {
    auto found = store::find_model(tx, name);
    if (!found) return not_found("no model '" + name.str() + "'");
    return *std::move(found);
  });
}

auto Releases::models(PageRequest const& page) -> Result<Page<Model>> {
  return core_.database->transact(
      [&](Tx& tx) -> Result<Page<Model>> { return store::list_models(tx, page); });
}

auto Releases::deltas(DeltaQuery const& query, PageRequest const& page) -> Result<Page<Delta>> {
  auto const& states = kDeltaStates;
  if (!query.state.empty() && std::find(states.begin(), states.end(), query.state) == states.end())
    return invalid("'state' is pending, running, ready, rejected, failed or dropped");
  return core_.database->transact([&](Tx& tx) -> Result<Page<Delta>> {
    if (query.model && !store::find_model(tx, *query.model))
      return not_found("no model '" + query.model->str() + "'");
    return store::list_deltas(tx,
                              {.model = query.model ? query.model->str() : "",
                               .from = query.from,
                               .to = query.to,
                               .state = query.state},
                              page);
  });
}

auto Releases::request_delta(DeltaRequest const& request) -> Result<Page<Delta>> {
  auto const& formats = kDeltaFormats;
  if (!request.format.empty() &&
      std::find(formats.begin(), formats.end(), request.format) == formats.end())
    return invalid("'format' is bsdiff, godwit, godwit-small or godwit-fast");
  return core_.database->transact([&](Tx& tx) -> Result<Page<Delta>> {
    TRY(auto const from, require_release(tx, request.model.str(), request.from.str()));
    TRY(auto const to, require_release(tx, request.model.str(), request.to.str()));
    if (from.kind != "model" || to.kind != "model")
      return conflict("deltas are made between models only");
    if (from.plain_sha256 == to.plain_sha256)
      return conflict("both releases have the same content: there is nothing to send");
    Delta wanted;
    wanted.model = from.model;
    wanted.from = from.version;
    wanted.to = to.version;
    wanted.format = request.format;
    wanted.requested_by = request.by;
    if (store::request_delta(tx, wanted, core_.now_ms()) > 0)
      store::tell_rollouts(
          tx, wanted,
          "the delta " + from.version + " -> " + to.version + " was asked for by " + request.by,
          core_.now_ms());
    return store::list_deltas(tx, {.model = from.model, .from = from.version, .to = to.version},
                              {.limit = formats.size(), .cursor = ""});
  });
}

auto Releases::traffic(ModelName const& model, PageRequest const& page) -> Result<Page<Traffic>> {
  return core_.database->transact([&](Tx& tx) -> Result<Page<Traffic>> {
    if (!store::find_model(tx, model)) return not_found("no model '" + model.str() + "'");
    return store::list_traffic(tx, model, page);
  });
}

auto Releases::tag_traffic(PageRequest const& page) -> Result<Page<TagTraffic>> {
  return core_.database->transact(
      [&](Tx& tx) -> Result<Page<TagTraffic>> { return store::list_tag_traffic(tx, page); });
}

auto Releases::attempts(ModelName const& model, Version const& version, PageRequest const& page)
    -> Result<Page<Attempt>> {
  return core_.database->transact([&](Tx& tx) -> Result<Page<Attempt>> {
    TRY_VOID(require_release(tx, model.str(), version.str()));
    return store::attempts_of_release(tx, model.str(), version.str(), page);
  });
}

auto Releases::record_artifact(ArtifactInfo const& info) -> Result<bool> {
  return core_.database->transact([&](Tx& tx) -> Result<bool> {
    bool const is_new = store::insert_artifact(tx, info, core_.now_ms());
    // Collected while this upload of the same bytes ended: the file may be gone with it.
    if (!core_.artifacts.contains(info.sha256)) return retry("the artifact was just collected");
    return is_new;
  });
}

auto Releases::artifact_known(Sha256 const& sha256) -> Result<bool> {
  return core_.database->transact([&](Tx& tx) -> Result<bool> {
    if (!store::artifact_size(tx, sha256) || !core_.artifacts.contains(sha256)) return false;
    store::keep_artifact(tx, sha256, core_.now_ms());
    return true;
  });
}

auto Releases::image_targets() -> Result<std::string> {
  return core_.database->transact([](Tx& tx) -> Result<std::string> {
    auto const document = store::trust_document(tx, "image", "targets");
    if (!document) return not_found("no release was published yet");
    return document->text;
  });
}

auto Releases::image_root() -> Result<std::string> {
  return core_.image_root;
}

}  // namespace godwit::server
