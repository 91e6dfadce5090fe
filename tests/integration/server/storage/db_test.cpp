#include "server/storage/db.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/postgres/postgres.h"

namespace godwit::server {
namespace {

using test::Postgres;

TEST(Database, ValuesComeBackAsTheyWere) {
  auto const database = *Database::open(Postgres::instance().empty_database(), 1);
  std::vector<std::string> const texts = {"plain", "with \"quotes\" and \\", "{,}", "", "NULL"};
  Bytes const bytes = {0, 1, 255, 39, 92};
  auto const outcome = database->transact([&](Tx& tx) -> Result<> {
    auto row = tx.run(
        "SELECT $1::bigint, $2::float8, $3::bool, $4::text, $5::bytea, $6::text[],"
        " $7::text",
        {int64_t{-5}, 0.1, true, "o'clock", bytes, texts, std::nullopt})[0];
    EXPECT_EQ(row.number(), -5);
    EXPECT_EQ(row.real(), 0.1);
    EXPECT_TRUE(row.flag());
    EXPECT_EQ(row.text(), "o'clock");
    EXPECT_EQ(row.bytes(), bytes);
    EXPECT_EQ(row.texts(), texts);
    EXPECT_EQ(row.text_or_null(), std::nullopt);
    return {};
  });
  EXPECT_TRUE(outcome);
}

TEST(Database, AnErrorRollsBackAndIsPassedOn) {
  auto const database = *Database::open(Postgres::instance().empty_database(), 1);
  ASSERT_TRUE(database->transact([](Tx& tx) -> Result<> {
    tx.run_script("CREATE TABLE t (x int PRIMARY KEY)");
    return {};
  }));
  auto const refused = database->transact([](Tx& tx) -> Result<> {
    tx.run("INSERT INTO t VALUES (1)");
    return denied("changed my mind");
  });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().what, "changed my mind");
  auto const twice = database->transact([](Tx& tx) -> Result<> {
    tx.run("INSERT INTO t VALUES (1)");
    tx.run("INSERT INTO t VALUES (1)");
    return {};
  });
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, Code::conflict);
  auto const wrong = database->transact([](Tx& tx) -> Result<> {
    tx.run("SELECT 1 / (SELECT 0)");
    return {};
  });
  EXPECT_EQ(wrong.error().code, Code::internal);
  auto const count = database->transact(
      [](Tx& tx) -> Result<int64_t> { return tx.run("SELECT count(*) FROM t")[0].number(); });
  EXPECT_EQ(*count, 0);
}

TEST(Database, TextThatIsNotUtf8IsTheCallersMistake) {
  auto const database = *Database::open(Postgres::instance().empty_database(), 1);
  auto const outcome = database->transact([](Tx& tx) -> Result<> {
    tx.run("SELECT $1::text", {"\xff\xfe"});
    return {};
  });
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::invalid);
}

TEST(Database, DeadlocksAreRunAgain) {
  auto const database = *Database::open(Postgres::instance().empty_database(), 8);
  ASSERT_TRUE(database->transact([](Tx& tx) -> Result<> {
    tx.run_script("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1,0), (2,0)");
    return {};
  }));
  constexpr int kRounds = 20;
  auto const add_in_order = [&](int first, int second) {
    for (int i = 0; i < kRounds; ++i) {
      auto const outcome = database->transact([&](Tx& tx) -> Result<> {
        tx.run("UPDATE t SET n = n + 1 WHERE id = $1", {first});
        tx.run("UPDATE t SET n = n + 1 WHERE id = $1", {second});
        return {};
      });
      EXPECT_TRUE(outcome) << outcome.error().what;
    }
  };
  std::thread one([&] { add_in_order(1, 2); });
  std::thread two([&] { add_in_order(2, 1); });
  one.join();
  two.join();
  auto const sum = database->transact(
      [](Tx& tx) -> Result<int64_t> { return tx.run("SELECT sum(n) FROM t")[0].number(); });
  EXPECT_EQ(*sum, 4 * kRounds);
}

TEST(Database, SurvivesARestartOfTheServer) {
  auto const database = *Database::open(Postgres::instance().empty_database(), 2);
  auto const one = [](Tx& tx) -> Result<int64_t> { return tx.run("SELECT 1")[0].number(); };
  ASSERT_TRUE(database->transact(one));
  Postgres::instance().crash_and_restart();
  auto const after = database->transact(one);
  EXPECT_TRUE(after) << after.error().what;
}

TEST(Database, RefusesAWrongAddress) {
  auto const database = Database::open("postgresql:///x?host=/nonexistent", 1);
  ASSERT_FALSE(database);
  EXPECT_EQ(database.error().code, Code::retry);
}

}  // namespace
}  // namespace godwit::server
