// Models, releases, artifacts and trust documents as rows. Called inside a transaction.
#pragma once

#include "server/domain/entities.h"
#include "server/storage/artifacts.h"
#include "server/storage/db.h"

namespace godwit::server::store {

auto find_model(Tx& tx, ModelName const& name) -> std::optional<Model>;
auto list_models(Tx& tx, PageRequest const& page) -> Page<Model>;

/// Adds model, channel and release; the artifact gets its kind. Number and time are given by the
/// database and `now_ms`.
void insert_release(Tx& tx, Release const& release, int64_t now_ms);
auto find_release(Tx& tx, std::string_view model, std::string_view version)
    -> std::optional<Release>;
/// The same; nobody else changes it until the end of the transaction.
auto lock_release(Tx& tx, std::string_view model, std::string_view version)
    -> std::optional<Release>;
auto list_releases(Tx& tx, ModelName const& model, std::string const& channel,
                   PageRequest const& page) -> Result<Page<Release>>;
/// The Image target paths of all releases that are not yanked, with their hashes.
auto release_targets(Tx& tx) -> std::vector<std::pair<std::string, Sha256>>;
void set_channel(Tx& tx, std::string_view model, std::string_view version,
                 std::string_view channel);
void set_yanked(Tx& tx, std::string_view model, std::string_view version, std::string_view reason);

/// True when it was not known before.
auto insert_artifact(Tx& tx, ArtifactInfo const& info, int64_t now_ms) -> bool;
auto artifact_size(Tx& tx, Sha256 const& sha256) -> std::optional<uint64_t>;
/// Counts as uploaded now: what is to be published next is not collected before.
void keep_artifact(Tx& tx, Sha256 const& sha256, int64_t now_ms);
/// Forgets artifacts that were uploaded before then and that no release or delta refers to. Their
/// files are the caller's to remove, before the commit: until then nobody can refer to them anew.
auto collect_artifacts(Tx& tx, int64_t before_ms, size_t count_max) -> std::vector<Sha256>;
void set_artifact_kind(Tx& tx, Sha256 const& sha256, std::string_view kind);

struct TrustDocument {
  int64_t version = 0;
  std::string text;
};
void put_trust_document(Tx& tx, std::string_view repository, std::string_view role,
                        TrustDocument const& document, int64_t now_ms);
void drop_trust_documents(Tx& tx, std::string_view repository, std::string_view role);
/// The newest, or the one of that version.
auto trust_document(Tx& tx, std::string_view repository, std::string_view role,
                    std::optional<int64_t> version = std::nullopt) -> std::optional<TrustDocument>;
/// Held until the end of the transaction: one change of the Image repository at a time.
void lock_image_repository(Tx& tx);

}  // namespace godwit::server::store
