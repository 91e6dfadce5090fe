#include "cli/client/servers.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "cli/core/files.h"
#include "proto/json/json.h"

namespace godwit::cli {
namespace {

auto parse_servers(std::string const& text) -> Result<SavedServers> {
  TRY(auto json, Json::parse(text));
  SavedServers saved;
  TRY(saved.current, json.get_string_or("current", ""));
  TRY(auto servers, json.get_object("contexts"));
  for (auto const& [name, member] : servers.members()) {
    SavedServer server;
    TRY(server.server, member.get_string("server"));
    TRY(server.ca, member.get_string_or("ca", ""));
    TRY(server.token, member.get_string_or("token", ""));
    saved.servers[name] = std::move(server);
  }
  return saved;
}

auto find_saved(SavedServers const& saved, std::string const& name) -> Result<SavedServer> {
  auto const found = saved.servers.find(name);
  if (found != saved.servers.end()) return found->second;
  return not_found("there is no context '" + name + "'; see godwit context list");
}

/// A token stands in a header: nothing else may come in with it.
auto checked_token(std::string token, std::string const& where) -> Result<std::string> {
  for (char c : token)
    if (c <= ' ' || c > '~') return invalid("the token in " + where + " has strange characters");
  return token;
}

auto first_of(std::initializer_list<std::string> values) -> std::string {
  for (auto const& value : values)
    if (!value.empty()) return value;
  return {};
}

}  // namespace

auto process_environment(char const* name) -> std::string {
  char const* value = std::getenv(name);
  return value ? value : "";
}

auto servers_path(Environment const& environment) -> Result<std::string> {
  if (auto path = environment("GODWIT_CONFIG"); !path.empty()) return path;
  if (auto folder = environment("XDG_CONFIG_HOME"); !folder.empty())
    return folder + "/godwit/config.json";
  if (auto home = environment("HOME"); !home.empty()) return home + "/.config/godwit/config.json";
  return invalid("no HOME to keep contexts in; set GODWIT_CONFIG to a file");
}

auto load_servers(std::string const& path) -> Result<SavedServers> {
  auto const text = read_secret(path);
  if (!text && text.error().code == Code::not_found) return SavedServers();
  if (!text) return text.error();
  return parse_servers(*text).within(path);
}

auto save_servers(std::string const& path, SavedServers const& saved) -> Result<> {
  Json contexts = Json::object();
  for (auto const& [name, server] : saved.servers) {
    auto member = Json::object({{"server", server.server}});
    if (!server.ca.empty()) member.set("ca", server.ca);
    if (!server.token.empty()) member.set("token", server.token);
    contexts.set(name, std::move(member));
  }
  auto const text =
      Json::object({{"current", saved.current}, {"contexts", std::move(contexts)}}).dump(2) + "\n";

  std::error_code ignored;  // write_file says what is wrong
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  return write_file(path, as_bytes(text), 0600);
}

auto read_token(std::string const& path) -> Result<std::string> {
  std::string token;
  if (path == "-") {
    std::getline(std::cin, token);
  } else {
    std::ifstream file(path);
    if (!file) return from_errno(errno, "reading the token file " + path);
    std::getline(file, token);
  }
  while (!token.empty() && (token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (token.empty()) return invalid("there is no token in " + path);
  return checked_token(std::move(token), path);
}

auto choose_server(Context const& context, SavedServers const& saved,
                   Environment const& environment) -> Result<Endpoint> {
  SavedServer flags{.server = context.server, .ca = context.ca, .token = {}};
  if (!context.token_file.empty()) {
    TRY(flags.token, read_token(context.token_file));
  }
  SavedServer variables{
      .server = environment("GODWIT_SERVER"), .ca = environment("GODWIT_CA"), .token = {}};
  TRY(variables.token, checked_token(environment("GODWIT_TOKEN"), "GODWIT_TOKEN"));
  SavedServer named;  // by the flag: stronger than the environment
  SavedServer usual;
  if (!context.context_name.empty()) {
    TRY(named, find_saved(saved, context.context_name));
  } else if (auto const name = first_of({environment("GODWIT_CONTEXT"), saved.current});
             !name.empty()) {
    TRY(usual, find_saved(saved, name));
  }

  auto const server = first_of({flags.server, named.server, variables.server, usual.server});
  if (server.empty())
    return invalid(
        "no server is chosen; run godwit context add NAME --server URL, or set GODWIT_SERVER");
  for (SavedServer* one : {&named, &usual})
    if (one->server != server) *one = {};
  Endpoint endpoint;
  TRY(endpoint.url, Url::parse(server));
  endpoint.ca_file = first_of({flags.ca, named.ca, variables.ca, usual.ca});
  endpoint.token = first_of({flags.token, named.token, variables.token, usual.token});
  return endpoint;
}

}  // namespace godwit::cli
