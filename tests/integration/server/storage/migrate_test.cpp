#include "server/storage/migrate.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/postgres/postgres.h"

namespace godwit::server {
namespace {

using test::Postgres;

TEST(Migrations, AreAppliedOnceAndRemembered) {
  auto const url = Postgres::instance().empty_database();
  auto const database = *Database::open(url, 1);
  ASSERT_TRUE(apply_migrations(*database, embedded_migrations()));
  ASSERT_TRUE(apply_migrations(*database, embedded_migrations()));
  auto const count = database->transact([](Tx& tx) -> Result<int64_t> {
    return tx.run("SELECT count(*) FROM schema_migration")[0].number();
  });
  EXPECT_EQ(*count, static_cast<int64_t>(embedded_migrations().size()));
}

TEST(Migrations, ServersThatStartTogetherTakeTurns) {
  auto const url = Postgres::instance().empty_database();
  std::vector<std::thread> servers;
  std::array<bool, 4> good{};
  for (auto& one : good)
    servers.emplace_back([&one, url] {
      auto database = Database::open(url, 1);
      one = database && apply_migrations(**database, embedded_migrations());
    });
  for (auto& server : servers) server.join();
  for (bool one : good) EXPECT_TRUE(one);
}

TEST(Migrations, AChangedOneIsRefused) {
  auto const url = Postgres::instance().empty_database();
  auto const database = *Database::open(url, 1);
  auto migrations = embedded_migrations();
  ASSERT_TRUE(apply_migrations(*database, migrations));
  migrations[0].sql += "\n-- edited";
  auto const edited = apply_migrations(*database, migrations);
  ASSERT_FALSE(edited);
  EXPECT_EQ(edited.error().code, Code::conflict);
  EXPECT_FALSE(apply_migrations(*database, {})) << "a database ahead of the program";
}

TEST(Migrations, AFailingOneLeavesNothingBehind) {
  auto const url = Postgres::instance().empty_database();
  auto const database = *Database::open(url, 1);
  auto migrations = embedded_migrations();
  migrations.push_back({"0099_broken.sql", "CREATE TABLE half (x int); SELECT broken;"});
  EXPECT_FALSE(apply_migrations(*database, migrations));
  auto const left = database->transact([](Tx& tx) -> Result<int64_t> {
    return tx.run("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")[0].number();
  });
  EXPECT_EQ(*left, 0);
}

TEST(Migrations, TheFolderHoldsWhatIsCompiledIn) {
  auto const folder = *read_migrations(std::filesystem::path(GODWIT_SOURCE) / "migrations");
  auto const embedded = embedded_migrations();
  ASSERT_EQ(folder.size(), embedded.size());
  for (size_t i = 0; i < folder.size(); ++i) {
    EXPECT_EQ(folder[i].name, embedded[i].name);
    EXPECT_EQ(folder[i].sql, embedded[i].sql);
  }
}

}  // namespace
}  // namespace godwit::server
