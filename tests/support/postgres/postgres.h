// A private PostgreSQL: one server per test program, one fresh migrated database per test.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

namespace godwit::test {

class Postgres {
 public:
  /// Started at the first call, stopped when the program ends (or dies).
  static auto instance() -> Postgres&;

  /// The URL of a new database with all migrations, cloned from a template.
  auto fresh_database() -> std::string;
  /// The URL of a new database without anything.
  auto empty_database() -> std::string;
  auto url(std::string const& database) const -> std::string;
  /// Kills the server as a crash would, and starts it again on the same files.
  void crash_and_restart();

 private:
  Postgres();
  ~Postgres();
  void start();
  void stop(int signal);
  void execute(std::string const& sql) const;

  std::filesystem::path folder_;
  pid_t pid_ = -1;
  int databases_ = 0;
};

}  // namespace godwit::test
