#include "server/storage/releases.h"

#include "server/storage/page.h"

namespace godwit::server::store {
namespace {

constexpr int64_t kImageRepositoryLock = 0x676f6477696d67;  // "godwimg"

#define RELEASE_COLUMNS                                                                          \
  "model, version, parent, notes, channel, kind, yanked, path, sha256, size, plain_sha256,"      \
  " plain_size, encoding, release_counter, hardware_ids, arch, engine_version, ram, flash,"      \
  " gate_soak_inferences, gate_accuracy_drop_points_max, gate_psi_max, gate_latency_p99_us_max," \
  " gate_error_rate_max, key_enc, key_ct, to_ms(created_at), number"

auto read_release(Row& row) -> Release {
  Release r;
  r.model = row.text();
  r.version = row.text();
  r.parent = row.text_or_null();
  r.notes = row.text();
  r.channel = row.text_or_null();
  r.kind = row.text();
  r.yanked = row.text_or_null();
  r.path = row.text();
  r.sha256 = row.sha256();
  r.size_bytes = row.natural();
  r.plain_sha256 = row.sha256();
  r.plain_size_bytes = row.natural();
  r.encoding = row.text();
  r.release_counter = row.natural();
  r.requires_.hardware_ids = row.texts();
  r.requires_.arch = row.text();
  r.requires_.engine_version = row.natural32();
  r.requires_.ram_bytes = row.natural();
  r.requires_.flash_bytes = row.natural();
  r.gate.soak_inferences = row.natural32();
  r.gate.accuracy_drop_points_max = row.real_or_null();
  r.gate.psi_max = row.real_or_null();
  r.gate.latency_p99_us_max = row.natural_or_null();
  r.gate.error_rate_max = row.real_or_null();
  r.key.enc = row.bytes();
  r.key.ct = row.bytes();
  r.created_at_ms = row.number();
  r.number = row.number();
  return r;
}

auto read_model(Row& row) -> Model {
  Model m;
  m.name = row.text();
  m.kind = row.text();
  m.created_at_ms = row.number();
  m.deltas_failed = row.natural();
  return m;
}

#define MODEL_COLUMNS                                            \
  "name, kind, to_ms(created_at), (SELECT count(*) FROM delta d" \
  " WHERE d.model = name AND d.state = 'failed')"

template <typename T>
auto first(Rows const& rows, T (*read)(Row&)) -> std::optional<T> {
  if (rows.empty()) return std::nullopt;
  auto row = rows[0];
  return read(row);
}

}  // namespace

auto find_model(Tx& tx, ModelName const& name) -> std::optional<Model> {
  return first(tx.run("SELECT " MODEL_COLUMNS " FROM model WHERE name = $1", {name}), read_model);
}

auto list_models(Tx& tx, PageRequest const& page) -> Page<Model> {
  auto const limit = page_limit(page);
  auto const rows =
      tx.run("SELECT " MODEL_COLUMNS " FROM model WHERE name > $1 ORDER BY name LIMIT $2",
             {page.cursor, limit + 1});
  return read_page<Model>(rows, limit, read_model, [](Model const& m) { return m.name; });
}

void insert_release(Tx& tx, Release const& r, int64_t now_ms) {
  tx.run(
      "INSERT INTO model (name, kind, created_at) VALUES ($1, $2::artifact_kind, from_ms($3))"
      " ON CONFLICT DO NOTHING",
      {r.model, r.kind, now_ms});
  if (r.channel)
    tx.run("INSERT INTO channel (model, name) VALUES ($1, $2) ON CONFLICT DO NOTHING",
           {r.model, *r.channel});
  tx.run(
      "INSERT INTO release (model, version, parent, notes, channel, kind, path, sha256, size,"
      " plain_sha256, plain_size, encoding, release_counter, hardware_ids, arch, engine_version,"
      " ram, flash, gate_soak_inferences, gate_accuracy_drop_points_max, gate_psi_max,"
      " gate_latency_p99_us_max, gate_error_rate_max, key_enc, key_ct, created_at)"
      " VALUES ($1, $2, $3, $4, $5, $6::artifact_kind, $7, $8, $9, $10, $11, $12, $13, $14, $15,"
      " $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, from_ms($26))",
      {r.model,
       r.version,
       r.parent,
       r.notes,
       r.channel,
       r.kind,
       r.path,
       r.sha256,
       r.size_bytes,
       r.plain_sha256,
       r.plain_size_bytes,
       r.encoding,
       r.release_counter,
       r.requires_.hardware_ids,
       r.requires_.arch,
       r.requires_.engine_version,
       r.requires_.ram_bytes,
       r.requires_.flash_bytes,
       r.gate.soak_inferences,
       r.gate.accuracy_drop_points_max,
       r.gate.psi_max,
       r.gate.latency_p99_us_max,
       r.gate.error_rate_max,
       r.key.enc,
       r.key.ct,
       now_ms});
  set_artifact_kind(tx, r.sha256, r.kind);
}

auto find_release(Tx& tx, std::string_view model, std::string_view version)
    -> std::optional<Release> {
  return first(tx.run("SELECT " RELEASE_COLUMNS " FROM release WHERE model = $1 AND version = $2",
                      {model, version}),
               read_release);
}

auto lock_release(Tx& tx, std::string_view model, std::string_view version)
    -> std::optional<Release> {
  return first(tx.run("SELECT " RELEASE_COLUMNS
                      " FROM release WHERE model = $1 AND version = $2 FOR NO KEY UPDATE",
                      {model, version}),
               read_release);
}

auto list_releases(Tx& tx, ModelName const& model, std::string const& channel,
                   PageRequest const& page) -> Result<Page<Release>> {
  TRY(auto const before, number_cursor(page, INT64_MAX));
  auto const limit = page_limit(page);
  auto const rows = tx.run("SELECT " RELEASE_COLUMNS
                           " FROM release WHERE model = $1 AND number < $2"
                           " AND ($3 = '' OR channel = $3) ORDER BY number DESC LIMIT $4",
                           {model, before, channel, limit + 1});
  return read_page<Release>(rows, limit, read_release,
                            [](Release const& r) { return std::to_string(r.number); });
}

auto release_targets(Tx& tx) -> std::vector<std::pair<std::string, Sha256>> {
  std::vector<std::pair<std::string, Sha256>> targets;
  auto const rows = tx.run("SELECT path, sha256 FROM release WHERE yanked IS NULL");
  for (size_t i = 0; i < rows.size(); ++i) {
    auto row = rows[i];
    auto path = row.text();
    targets.emplace_back(std::move(path), row.sha256());
  }
  return targets;
}

void set_channel(Tx& tx, std::string_view model, std::string_view version,
                 std::string_view channel) {
  tx.run("INSERT INTO channel (model, name) VALUES ($1, $2) ON CONFLICT DO NOTHING",
         {model, channel});
  tx.run("UPDATE release SET channel = $3 WHERE model = $1 AND version = $2",
         {model, version, channel});
}

void set_yanked(Tx& tx, std::string_view model, std::string_view version, std::string_view reason) {
  tx.run("UPDATE release SET yanked = $3 WHERE model = $1 AND version = $2",
         {model, version, reason});
}

auto insert_artifact(Tx& tx, ArtifactInfo const& info, int64_t now_ms) -> bool {
  return tx.run(
               "INSERT INTO artifact (sha256, sha1, md5, size, created_at)"
               " VALUES ($1, $2, $3, $4, from_ms($5)) ON CONFLICT DO NOTHING",
               {info.sha256, info.sha1, info.md5, info.size_bytes, now_ms})
             .affected() > 0;
}

auto artifact_size(Tx& tx, Sha256 const& sha256) -> std::optional<uint64_t> {
  return first<uint64_t>(tx.run("SELECT size FROM artifact WHERE sha256 = $1", {sha256}),
                         [](Row& row) { return row.natural(); });
}

void keep_artifact(Tx& tx, Sha256 const& sha256, int64_t now_ms) {
  tx.run("UPDATE artifact SET created_at = from_ms($2) WHERE sha256 = $1", {sha256, now_ms});
}

auto collect_artifacts(Tx& tx, int64_t before_ms, size_t count_max) -> std::vector<Sha256> {
  auto const rows = tx.run(
      "DELETE FROM artifact WHERE sha256 IN (SELECT a.sha256 FROM artifact a"
      "   WHERE a.created_at < from_ms($1)"
      "   AND NOT EXISTS (SELECT 1 FROM release r WHERE r.sha256 = a.sha256)"
      "   AND NOT EXISTS (SELECT 1 FROM delta d WHERE d.sha256 = a.sha256)"
      "   ORDER BY a.sha256 LIMIT $2 FOR UPDATE OF a SKIP LOCKED) RETURNING sha256",
      {before_ms, count_max});
  std::vector<Sha256> files;
  for (size_t i = 0; i < rows.size(); ++i) files.push_back(rows[i].sha256());
  return files;
}

void set_artifact_kind(Tx& tx, Sha256 const& sha256, std::string_view kind) {
  tx.run("UPDATE artifact SET kind = $2::artifact_kind WHERE sha256 = $1 AND kind IS NULL",
         {sha256, kind});
}

void put_trust_document(Tx& tx, std::string_view repository, std::string_view role,
                        TrustDocument const& document, int64_t now_ms) {
  tx.run(
      "INSERT INTO trust_document (repository, role, version, document, stored_at)"
      " VALUES ($1, $2, $3, $4, from_ms($5)) ON CONFLICT DO NOTHING",
      {repository, role, document.version, document.text, now_ms});
}

void drop_trust_documents(Tx& tx, std::string_view repository, std::string_view role) {
  tx.run("DELETE FROM trust_document WHERE repository = $1 AND role = $2", {repository, role});
}

auto trust_document(Tx& tx, std::string_view repository, std::string_view role,
                    std::optional<int64_t> version) -> std::optional<TrustDocument> {
  return first<TrustDocument>(
      tx.run("SELECT version, document FROM trust_document WHERE repository = $1 AND role = $2"
             " AND ($3::bigint IS NULL OR version = $3) ORDER BY version DESC LIMIT 1",
             {repository, role, version}),
      [](Row& row) {
        TrustDocument document;
        document.version = row.number();
        document.text = row.text();
        return document;
      });
}

void lock_image_repository(Tx& tx) {
  tx.run("SELECT pg_advisory_xact_lock($1)", {kImageRepositoryLock});
}

}  // namespace godwit::server::store
