#include "server/service/service.h"

#include <algorithm>
#include <fstream>

#include "proto/base/limits.h"
#include "proto/format/compress.h"
#include "proto/trust/client.h"
#include "server/service/core.h"
#include "server/service/devices.h"
#include "server/service/director.h"
#include "server/service/enrolment.h"
#include "server/service/events.h"
#include "server/service/jobs.h"
#include "server/service/releases.h"
#include "server/service/rollouts.h"
#include "server/service/tokens.h"
#include "server/storage/migrate.h"
#include "server/storage/tokens.h"

namespace godwit::server {
namespace {

auto open_migrated(Config const& config) -> Result<std::unique_ptr<Database>> {
  TRY(auto database, Database::open(config.database_url, config.connections));
  auto migrations = embedded_migrations();
  if (!config.migrations_dir.empty()) {
    TRY(migrations, read_migrations(config.migrations_dir));
  }
  TRY_VOID(apply_migrations(*database, migrations));
  return database;
}

/// The roots before `newest` that lie beside it as N.root.json, each leading to the next.
auto roots_beside(std::filesystem::path const& path, store::TrustDocument const& newest)
    -> Result<std::vector<store::TrustDocument>> {
  std::vector<store::TrustDocument> roots = {newest};
  while (roots.back().version > 1) {
    auto const version = roots.back().version - 1;
    auto const older = path.parent_path() / (std::to_string(version) + ".root.json");
    auto const text = read_file(older, limits::kRootBytesMax);
    if (!text && text.error().code == Code::not_found) break;
    if (!text) return text.error();
    proto::TrustedState state{*text, ""};
    TRY_VOID(proto::advance_root(state, roots.back().text).within("after " + older.string()));
    roots.push_back({version, *text});
  }
  return roots;
}

/// Keeps the roots under their versions: a device that was away for long asks for one after
/// another.
auto store_roots(Database& database, std::string_view repository, std::filesystem::path const& path,
                 std::string const& text, int64_t now_ms) -> Result<> {
  TRY(auto const newest, proto::open_root(text).within(std::string(repository) + " root"));
  TRY(auto const roots, roots_beside(path, {newest.version, text}));
  return database.transact([&](Tx& tx) -> Result<> {
    for (auto const& root : roots) store::put_trust_document(tx, repository, "root", root, now_ms);
    return {};
  });
}

/// The Director's key must be one that its root names, or every device would refuse what we sign.
auto check_director_key(proto::SigningKey const& key, std::string const& root_text) -> Result<> {
  TRY(auto const root, proto::open_root(root_text));
  auto const role = root.roles.find("targets");
  auto const id = key.public_key().id();
  if (role == root.roles.end() ||
      std::find(role->second.key_ids.begin(), role->second.key_ids.end(), id) ==
          role->second.key_ids.end())
    return denied("the director's root does not name the director's key");
  return {};
}

}  // namespace

auto read_file(std::filesystem::path const& path, size_t size_max) -> Result<std::string> {
  std::ifstream file(path, std::ios::binary);
  if (!file) return not_found("cannot open " + path.string());
  std::string text(size_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (file.bad()) return internal("cannot read " + path.string());
  if (text.size() > size_max) return invalid(path.string() + " is too large");
  return text;
}

auto plaintext_of(Core const& core, Release const& release) -> Result<Bytes> {
  TRY(auto const key, core.sealing_key.unwrap(release.key, proto::kServerReceiver, release.sha256));
  auto const aad = proto::release_aad(release.path, release.plain_sha256, release.plain_size_bytes);
  // Opened piece by piece: a model is held once beside what it is compressed to.
  proto::Unsealer unsealer(key, aad);
  Bytes plain;
  plain.reserve(static_cast<size_t>(std::min(release.size_bytes, limits::kArtifactBytesMax)));
  Result<> opened;  // what is damaged in the store is told before what does not open
  TRY_VOID(core.artifacts.read(release.sha256, [&](ByteView piece) -> Result<> {
    if (opened) opened = unsealer.add(piece, plain);
    return {};
  }));
  TRY_VOID(std::move(opened));
  TRY_VOID(unsealer.finish());
  if (release.encoding == "zstd") {
    TRY(plain, proto::decompress(plain, release.plain_size_bytes));
  }
  if (plain.size() != release.plain_size_bytes || proto::sha256(plain) != release.plain_sha256)
    return corrupt("the sealed content is not the signed plaintext");
  return plain;
}

auto require_release(Tx& tx, std::string_view model, std::string_view version) -> Result<Release> {
  auto release = store::find_release(tx, model, version);
  if (!release)
    return not_found("no release " + std::string(version) + " of '" + std::string(model) + "'");
  return *std::move(release);
}

auto check_label(std::string_view text, std::string_view what) -> Result<> {
  auto const good = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  bool const named = !text.empty() && text.size() <= 64 && good(text[0]) &&
                     std::all_of(text.begin(), text.end(), [&](char c) {
                       return good(c) || c == '.' || c == '_' || c == '-';
                     });
  if (named) return {};
  return invalid("'" + std::string(what) + "' is not of the form [A-Za-z0-9][A-Za-z0-9._-]{0,63}");
}

auto check_attributes(std::map<std::string, std::string> const& attributes) -> Result<> {
  if (attributes.size() > 64) return invalid("more than 64 attributes");
  for (auto const& [key, value] : attributes) {
    TRY_VOID(check_label(key, "attributes"));
    if (value.size() > 256) return invalid("attribute '" + key + "' has more than 256 bytes");
  }
  return {};
}

auto migrate(Config const& config) -> Result<> {
  TRY(auto const database, open_migrated(config));
  return {};
}

auto create_first_token(Config const& config, Clock const& clock, std::string_view name,
                        std::string_view role) -> Result<std::string> {
  TRY(auto const database, open_migrated(config));
  return create_token(*database, clock.now_ms(), name, role);
}

auto list_tokens(Config const& config) -> Result<std::vector<OperatorToken>> {
  TRY(auto const database, open_migrated(config));
  return database->transact([](Tx& tx) -> Result<std::vector<OperatorToken>> {
    std::vector<OperatorToken> tokens;
    for (auto& token : store::list_api_tokens(tx))
      tokens.push_back({std::move(token.name), std::move(token.role), token.created_at_ms});
    return tokens;
  });
}

auto revoke_tokens(Config const& config, Clock const& clock, std::string_view name) -> Result<> {
  TRY(auto const database, open_migrated(config));
  return database->transact([&](Tx& tx) -> Result<> {
    if (store::revoke_api_tokens(tx, name, clock.now_ms()) > 0) return {};
    return not_found("there is no token '" + std::string(name) + "' to take back");
  });
}

struct Service::Parts {
  explicit Parts(Core the_core) : core(std::move(the_core)) {}
  Core core;
  Releases releases{core};
  Devices devices{core};
  Rollouts rollouts{core};
  Enrolment enrolment{core};
  DeviceLink device_link{core};
  Director director{core};
  Tokens tokens{core};
  Events events{core};
  Jobs jobs{core};
};

Service::Service(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Service::~Service() = default;

auto Service::open(Config config, Clock const& clock) -> Result<std::unique_ptr<Service>> {
  TRY(auto database, open_migrated(config));
  TRY(auto artifacts, ArtifactStore::open(config.data_dir / "artifacts"));
  TRY(auto device_ca, DeviceCa::open(config.device_ca_certificate, config.device_ca_key));
  TRY(auto const image_root, read_file(config.image_root, limits::kRootBytesMax));
  TRY(auto const director_root, read_file(config.director_root, limits::kRootBytesMax));
  TRY(auto const director_pem, read_file(config.director_key, limits::kRootBytesMax));
  TRY(auto director_key, proto::SigningKey::from_pem(director_pem).within("director key"));
  TRY_VOID(check_director_key(director_key, director_root));
  TRY(auto const sealing_pem, read_file(config.sealing_key, limits::kRootBytesMax));
  TRY(auto sealing_key, proto::SealingKey::from_pem(sealing_pem).within("sealing key"));
  auto const now_ms = clock.now_ms();
  TRY_VOID(store_roots(*database, "image", config.image_root, image_root, now_ms));
  TRY_VOID(store_roots(*database, "director", config.director_root, director_root, now_ms));
  Core core{.config = std::move(config),
            .clock = clock,
            .database = std::move(database),
            .artifacts = std::move(artifacts),
            .device_ca = std::move(device_ca),
            .director_key = std::move(director_key),
            .sealing_key = std::move(sealing_key),
            .image_root = image_root};
  return std::unique_ptr<Service>(new Service(std::make_unique<Parts>(std::move(core))));
}

auto Service::artifacts() -> ArtifactStore& {
  return parts_->core.artifacts;
}
auto Service::releases() -> Releases& {
  return parts_->releases;
}
auto Service::devices() -> Devices& {
  return parts_->devices;
}
auto Service::rollouts() -> Rollouts& {
  return parts_->rollouts;
}
auto Service::enrolment() -> Enrolment& {
  return parts_->enrolment;
}
auto Service::device_link() -> DeviceLink& {
  return parts_->device_link;
}
auto Service::director() -> Director& {
  return parts_->director;
}
auto Service::tokens() -> Tokens& {
  return parts_->tokens;
}
auto Service::events() -> Events& {
  return parts_->events;
}
auto Service::jobs() -> Jobs& {
  return parts_->jobs;
}

auto Service::ready() -> Result<> {
  return parts_->core.database->transact([](Tx& tx) -> Result<> {
    tx.run("SELECT 1");
    return {};
  });
}

}  // namespace godwit::server
