#include "cli/core/pager.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "cli/core/terminal.h"

namespace godwit::cli {

auto page(std::vector<std::string> const& lines) -> bool {
  if (!stdin_is_terminal() || !stdout_is_terminal() || lines.size() < terminal_size().rows)
    return false;
  char const* const term = std::getenv("TERM");
  char const* const chosen = std::getenv("PAGER");
  std::string const command = chosen ? chosen : "less -FIRX";
  if (command.empty() || command == "cat" || (term && std::string(term) == "dumb")) return false;
  auto* const before = std::signal(SIGPIPE, SIG_IGN);  // a person may leave before the end
  // What cannot be started says so itself, and the lines are printed after all.
  FILE* const pipe = popen(command.c_str(), "w");
  if (pipe)
    for (auto const& line : lines) std::fprintf(pipe, "%s\n", line.c_str());
  int const status = pipe ? pclose(pipe) : -1;
  std::signal(SIGPIPE, before);
  constexpr int kCannotStart = 127 << 8;  // the shell's word for it
  return status != -1 && status != kCannotStart;
}

}  // namespace godwit::cli
