#include "server/storage/migrate.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "proto/trust/digest.h"

namespace godwit::server {
namespace {

constexpr int64_t kLock = 0x676f64776974;  // "godwit"

auto apply(Tx& tx, std::vector<Migration> const& migrations) -> Result<> {
  tx.run("SELECT pg_advisory_xact_lock($1)", {kLock});
  tx.run_script(
      "CREATE TABLE IF NOT EXISTS schema_migration (name text PRIMARY KEY, sha256 bytea NOT NULL,"
      " applied_at timestamptz NOT NULL DEFAULT clock_timestamp())");
  auto const applied = tx.run("SELECT name, sha256 FROM schema_migration ORDER BY name");
  if (applied.size() > migrations.size())
    return conflict("the database holds migrations that this program does not know");
  for (size_t i = 0; i < migrations.size(); ++i) {
    auto const digest = proto::sha256(as_bytes(migrations[i].sql));
    if (i < applied.size()) {
      auto row = applied[i];
      auto const name = row.text();
      if (name != migrations[i].name || row.sha256() != digest)
        return conflict("migration " + name + " was applied with another content");
      continue;
    }
    tx.run_script(migrations[i].sql);
    tx.run("INSERT INTO schema_migration (name, sha256) VALUES ($1, $2)",
           {migrations[i].name, digest});
  }
  return {};
}

}  // namespace

auto read_migrations(std::filesystem::path const& folder) -> Result<std::vector<Migration>> {
  std::vector<Migration> migrations;
  std::error_code error;
  for (auto const& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".sql") continue;
    std::ifstream file(entry.path());
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) return internal("cannot read " + entry.path().string());
    migrations.push_back({entry.path().filename().string(), text.str()});
  }
  if (error) return not_found("migrations folder " + folder.string() + ": " + error.message());
  std::sort(migrations.begin(), migrations.end(),
            [](auto const& a, auto const& b) { return a.name < b.name; });
  return migrations;
}

auto apply_migrations(Database& database, std::vector<Migration> const& migrations) -> Result<> {
  return database.transact([&](Tx& tx) { return apply(tx, migrations); })
      .within("applying migrations");
}

}  // namespace godwit::server
