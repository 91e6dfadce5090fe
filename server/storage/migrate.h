// Brings a database to this program's schema: each migration once, in order, under one lock.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "server/storage/db.h"

namespace godwit::server {

struct Migration {
  std::string name;  // "0001_releases_and_devices.sql"
  std::string sql;
};

/// The migrations of the source tree, compiled in.
auto embedded_migrations() -> std::vector<Migration>;
/// The same from a folder: every NNNN_*.sql, in order.
auto read_migrations(std::filesystem::path const& folder) -> Result<std::vector<Migration>>;

/// Applies what is missing, all in one transaction. `conflict` when an applied migration has
/// changed since, or the database is ahead of this program.
auto apply_migrations(Database& database, std::vector<Migration> const& migrations) -> Result<>;

}  // namespace godwit::server
