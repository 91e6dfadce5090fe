#include "cli/client/servers.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

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

auto write_all(int file, std::string_view text) -> bool {
  while (!text.empty()) {
    ssize_t const written = write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

auto find_saved(SavedServers const& saved, std::string const& name) -> Result<SavedServer> {
  auto const found = saved.servers.find(name);
  if (found != saved.servers.end()) return found->second;
  return not_found("there is no context '" + name + "'; see godwit context list");
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
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return SavedServers();
    return from_errno(errno, "reading " + path);
  }
  if (status.st_mode & (S_IRWXG | S_IRWXO))
    return denied(path + " holds tokens, and others may read it; run chmod 600 on it");
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) return denied("reading " + path);
  return parse_servers(text.str()).within(path);
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

  std::error_code ignored;  // open() below says what is wrong
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  auto const temporary = path + ".new." + std::to_string(getpid());
  int const file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return from_errno(errno, "writing " + temporary);
  bool good = write_all(file, text) && fsync(file) == 0;
  good = close(file) == 0 && good;
  if (good && rename(temporary.c_str(), path.c_str()) == 0) return {};
  auto const error = from_errno(errno, "writing " + path);
  unlink(temporary.c_str());
  return error;
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
  for (char c : token)
    if (c <= ' ' || c > '~') return invalid("the token in " + path + " has strange characters");
  if (token.empty()) return invalid("there is no token in " + path);
  return token;
}

auto choose_server(Context const& context, SavedServers const& saved,
                   Environment const& environment) -> Result<Endpoint> {
  SavedServer flags{.server = context.server, .ca = context.ca, .token = {}};
  if (!context.token_file.empty()) {
    TRY(flags.token, read_token(context.token_file));
  }
  SavedServer const variables{.server = environment("GODWIT_SERVER"),
                              .ca = environment("GODWIT_CA"),
                              .token = environment("GODWIT_TOKEN")};
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
