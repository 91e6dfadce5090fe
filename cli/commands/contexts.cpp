// godwit context: the servers that this user has saved.
#include <filesystem>

#include "cli/client/servers.h"
#include "cli/commands/options.h"
#include "cli/core/output.h"

namespace godwit::cli {
namespace {

auto path_and_servers() -> Result<std::pair<std::string, SavedServers>> {
  TRY(auto path, servers_path(process_environment));
  TRY(auto saved, load_servers(path));
  return std::pair(std::move(path), std::move(saved));
}

auto add(Context& context, std::string const& name) -> Result<> {
  auto url = Url::parse(context.server);
  if (!url) return usage(context, "--server: " + url.error().what);
  SavedServer server{.server = url->str(), .ca = {}, .token = {}};
  if (!context.ca.empty()) {
    std::error_code error;
    server.ca = std::filesystem::canonical(context.ca, error);
    if (error) return invalid("--ca " + context.ca + ": " + error.message());
  }
  if (!context.token_file.empty()) {
    TRY(server.token, read_token(context.token_file));
  }
  TRY(auto known, path_and_servers());
  auto& [path, saved] = known;
  if (saved.servers.contains(name))
    TRY_VOID(confirm(context, "replace the context '" + name + "'"));
  saved.servers[name] = std::move(server);
  if (saved.current.empty()) saved.current = name;
  TRY_VOID(save_servers(path, saved));
  say(context, "saved; the current context is '" + saved.current + "'");
  return {};
}

auto use(Context& context, std::string const& name) -> Result<> {
  TRY(auto known, path_and_servers());
  auto& [path, saved] = known;
  if (!saved.servers.contains(name))
    return not_found("there is no context '" + name + "'; see godwit context list");
  saved.current = name;
  TRY_VOID(save_servers(path, saved));
  say(context, "the current context is '" + name + "'");
  return {};
}

auto remove(Context& context, std::string const& name) -> Result<> {
  TRY(auto known, path_and_servers());
  auto& [path, saved] = known;
  if (!saved.servers.contains(name)) return not_found("there is no context '" + name + "'");
  TRY_VOID(confirm(context, "forget the context '" + name + "' and its token"));
  saved.servers.erase(name);
  if (saved.current == name) saved.current.clear();
  return save_servers(path, saved);
}

auto list(Context& context) -> Result<> {
  TRY(auto const known, path_and_servers());
  auto const& [path, saved] = known;
  Json items = Json::array();
  Table table({"CONTEXT", "CURRENT", "SERVER", "CA", "TOKEN"});
  for (auto const& [name, server] : saved.servers) {
    bool const current = name == saved.current;
    bool const token = !server.token.empty();
    items.push_back(Json::object({{"name", name},
                                  {"current", current},
                                  {"server", server.server},
                                  {"ca", server.ca},
                                  {"token_saved", token}}));
    table.add({name, current ? "yes" : "", server.server, server.ca.empty() ? "-" : server.ca,
               token ? "saved" : "-"});
  }
  print_list(context, items, table);
  return {};
}

/// What a command would use now, from wherever it comes. Never the token itself.
auto show(Context& context) -> Result<> {
  TRY(auto const known, path_and_servers());
  TRY(auto const endpoint, choose_server(context, known.second, process_environment));
  bool const token = !endpoint.token.empty();
  auto const object = Json::object({{"server", endpoint.url.str()},
                                    {"ca", endpoint.ca_file},
                                    {"token_set", token},
                                    {"file", known.first}});
  Table table;
  table.add({"server", endpoint.url.str()});
  table.add({"ca", endpoint.ca_file.empty() ? "those of this machine" : endpoint.ca_file});
  table.add({"token", token ? "set" : "none"});
  table.add({"contexts", known.first});
  print_object(context, object, table, endpoint.url.str());
  return {};
}

}  // namespace

void add_context_commands(CLI::App& app, Context& context) {
  auto* contexts = group(app, "context", "Servers that you have saved");
  auto const name = std::make_shared<std::string>();

  auto* command = contexts->add_subcommand(
      "add", "Save a server: godwit context add NAME --server URL [--ca FILE] [--token-file FILE]");
  argument(command, "NAME", *name, "how you will call it");
  does(command, context, [&context, name] { return add(context, *name); });

  command = contexts->add_subcommand("use", "Choose the context of later commands");
  argument(command, "CONTEXT", *name, "a saved context");
  does(command, context, [&context, name] { return use(context, *name); });

  command = contexts->add_subcommand("remove", "Forget a context and its token");
  argument(command, "CONTEXT", *name, "a saved context");
  does(command, context, [&context, name] { return remove(context, *name); });

  command = contexts->add_subcommand("list", "List the saved contexts");
  does(command, context, [&context] { return list(context); });

  command = contexts->add_subcommand("show", "Show which server a command would speak to");
  does(command, context, [&context] { return show(context); });
}

}  // namespace godwit::cli
