#include "tests/support/postgres/postgres.h"

#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "server/storage/migrate.h"

#if defined(__SANITIZE_ADDRESS__)
/// libpqxx 6.4 forgets the result of a statement during which the connection is lost: 2 kB, once.
extern "C" auto __lsan_default_suppressions() -> char const*;
extern "C" auto __lsan_default_suppressions() -> char const* {
  return "leak:libpqxx-6";
}
#endif

namespace godwit::test {
namespace fs = std::filesystem;
namespace {

constexpr char const* kPrograms = "/usr/lib/postgresql/15/bin/";

[[noreturn]] void give_up(std::string const& what) {
  std::fprintf(stderr, "private PostgreSQL: %s\n", what.c_str());
  std::abort();
}

/// Starts a program, as user `postgres` for root: the server refuses root. It dies with us.
auto spawn(std::vector<std::string> arguments, fs::path const& log) -> pid_t {
  pid_t const parent = getpid();
  if (geteuid() == 0) {
    std::vector<std::string> const as_postgres = {"setpriv", "--reuid=postgres", "--regid=postgres",
                                                  "--init-groups", "--pdeathsig=QUIT"};
    arguments.insert(arguments.begin(), as_postgres.begin(), as_postgres.end());
  }
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t const pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGQUIT);
  if (getppid() != parent) _exit(127);
  if (!std::freopen(log.c_str(), "a", stdout)) _exit(127);
  dup2(STDOUT_FILENO, STDERR_FILENO);
  if (chdir("/") != 0) _exit(127);
  execvp(argv[0], argv.data());
  _exit(127);
}

auto wait_for(pid_t pid) -> int {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

auto Postgres::instance() -> Postgres& {
  static Postgres server;
  return server;
}

Postgres::Postgres() {
  std::string name = "/tmp/godwit-pg-XXXXXX";
  if (!mkdtemp(name.data())) give_up("cannot make a folder in /tmp");
  folder_ = name;
  if (geteuid() == 0) {
    auto const* user = getpwnam("postgres");
    if (!user || chown(name.c_str(), user->pw_uid, user->pw_gid) != 0)
      give_up("no user postgres to run as");
  }
  auto const log = folder_ / "log";
  auto const initdb =
      spawn({std::string(kPrograms) + "initdb", "-D", (folder_ / "data").string(), "-A", "trust",
             "-U", "godwit", "-E", "UTF8", "--locale=C", "--no-sync"},
            log);
  if (wait_for(initdb) != 0) give_up("initdb failed, see " + log.string());
  start();
  execute("CREATE DATABASE template_godwit");
  auto database = server::Database::open(url("template_godwit"), 1);
  if (!database) give_up(database.error().what);
  auto const applied = server::apply_migrations(**database, server::embedded_migrations());
  if (!applied) give_up(applied.error().what);
}

Postgres::~Postgres() {
  stop(SIGQUIT);
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void Postgres::start() {
  pid_ = spawn(
      {std::string(kPrograms) + "postgres", "-D", (folder_ / "data").string(), "-k",
       folder_.string(), "-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off",
       "-c", "max_connections=200", "-c", "shared_buffers=64MB", "-c", "deadlock_timeout=200ms"},
      folder_ / "log");
  for (int i = 0; i < 600; ++i) {
    if (PQping(url("postgres").c_str()) == PQPING_OK) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  give_up("it did not start, see " + (folder_ / "log").string());
}

void Postgres::stop(int signal) {
  if (pid_ <= 0) return;
  kill(pid_, signal);
  wait_for(pid_);
  pid_ = -1;
}

void Postgres::crash_and_restart() {
  stop(SIGQUIT);  // immediate shutdown: no checkpoint, recovery at the next start
  start();
}

auto Postgres::url(std::string const& database) const -> std::string {
  return "postgresql:///" + database + "?host=" + folder_.string() + "&user=godwit";
}

void Postgres::execute(std::string const& sql) const {
  auto* link = PQconnectdb(url("postgres").c_str());
  auto* result = PQexec(link, sql.c_str());
  if (PQresultStatus(result) != PGRES_COMMAND_OK) give_up(sql + ": " + PQerrorMessage(link));
  PQclear(result);
  PQfinish(link);
}

auto Postgres::fresh_database() -> std::string {
  auto const name = "test_" + std::to_string(++databases_);
  execute("CREATE DATABASE " + name + " TEMPLATE template_godwit STRATEGY file_copy");
  return url(name);
}

auto Postgres::empty_database() -> std::string {
  auto const name = "test_" + std::to_string(++databases_);
  execute("CREATE DATABASE " + name);
  return url(name);
}

}  // namespace godwit::test
