// The program godwit-server: its command line, and the door at which exceptions of libraries end.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "server/http/encode.h"
#include "server/main/run.h"
#include "server/runtime/clock.h"
#include "server/runtime/config.h"
#include "server/runtime/log.h"

namespace godwit::server {
namespace {

constexpr int kExitError = 1;
constexpr int kExitUsage = 2;

struct Options {
  std::string config;
  std::string name;
  std::string role = "admin";
};

auto load(Options const& options) -> Result<ServerConfig> {
  TRY(auto config, load_config(options.config, [](char const* name) { return std::getenv(name); }));
  TRY_VOID(start_logging(config.log.level, config.log.json));
  return config;
}

auto create_token(Options const& options) -> Result<> {
  TRY(auto const config, load(options));
  SystemClock const clock;
  TRY(auto const token,
      create_first_token(service_config(config), clock, options.name, options.role));
  std::printf("%s\n", token.c_str());
  return {};
}

auto print_tokens(Options const& options) -> Result<> {
  TRY(auto const config, load(options));
  TRY(auto const tokens, list_tokens(service_config(config)));
  for (auto const& token : tokens)
    std::printf("%s\t%s\t%s\n", rfc3339(token.created_at_ms).c_str(), token.role.c_str(),
                token.name.c_str());
  return {};
}

auto take_back_tokens(Options const& options) -> Result<> {
  TRY(auto const config, load(options));
  SystemClock const clock;
  return revoke_tokens(service_config(config), clock, options.name);
}

auto run_command(CLI::App const& app, Options const& options) -> Result<> {
  if (app.got_subcommand("run")) {
    TRY(auto const config, load(options));
    return run(config);
  }
  if (app.got_subcommand("migrate")) {
    TRY(auto const config, load(options));
    return migrate(service_config(config));
  }
  auto const* token = app.get_subcommand("token");
  if (token->got_subcommand("list")) return print_tokens(options);
  if (token->got_subcommand("revoke")) return take_back_tokens(options);
  return create_token(options);
}

auto main_inner(int argc, char** argv) -> int {
  Options options;
  CLI::App app("Godwit's server: rolls out machine-learning models to fleets of devices.",
               "godwit-server");
  app.set_version_flag("--version", GODWIT_VERSION);
  app.require_subcommand(1);
  auto const with_config = [&options](CLI::App* command) {
    command->add_option("--config", options.config, "The configuration file (JSON)")->required();
    return command;
  };
  with_config(app.add_subcommand("run", "Serve until SIGTERM or SIGINT"));
  with_config(app.add_subcommand("migrate", "Bring the database up to date and exit"));
  auto* token = app.add_subcommand("token", "Operators' tokens");
  token->require_subcommand(1);
  auto* create = with_config(
      token->add_subcommand("create", "Make a token, print it once on standard output"));
  create->add_option("--name", options.name, "Whose token it is")->required();
  create->add_option("--role", options.role, "viewer, operator, release_manager or admin")
      ->capture_default_str();
  with_config(token->add_subcommand("list", "List those that are good: when made, role, name"));
  auto* revoke = with_config(token->add_subcommand("revoke", "Take back all tokens of a name"));
  revoke->add_option("--name", options.name, "Whose")->required();
  try {
    app.parse(argc, argv);
  } catch (CLI::ParseError const& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  auto const done = run_command(app, options);
  if (done) return 0;
  log(LogLevel::error, done.error().what);
  return kExitError;
}

}  // namespace
}  // namespace godwit::server

auto main(int argc, char** argv) -> int {
  try {
    return godwit::server::main_inner(argc, argv);
  } catch (std::exception const& error) {
    std::fprintf(stderr, "godwit-server: %s\n", error.what());
    return 1;
  }
}
