// The saved servers ("contexts") of this user, and which server a command speaks to.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "cli/client/http.h"
#include "cli/core/context.h"

namespace godwit::cli {

struct SavedServer {
  std::string server;
  std::string ca;
  std::string token;
};

struct SavedServers {
  std::string current;
  std::map<std::string, SavedServer> servers;
};

/// The value of an environment variable, empty if it is not set. Given, so that tests can set it.
using Environment = std::function<std::string(char const*)>;
auto process_environment(char const* name) -> std::string;

/// GODWIT_CONFIG, else config.json in $XDG_CONFIG_HOME/godwit or ~/.config/godwit.
auto servers_path(Environment const& environment) -> Result<std::string>;
/// None, if there is no such file. `denied` when others may read the file, for it holds tokens.
auto load_servers(std::string const& path) -> Result<SavedServers>;
/// Replaces the file at once, mode 0600; makes its folder.
auto save_servers(std::string const& path, SavedServers const& saved) -> Result<>;
/// The first line of a file, or of standard input for "-".
auto read_token(std::string const& path) -> Result<std::string>;

/// Flags, then the context that --context names, then the environment, then the current context.
/// The saved token goes only to the server it was saved with.
auto choose_server(Context const& context, SavedServers const& saved,
                   Environment const& environment) -> Result<Endpoint>;

}  // namespace godwit::cli
