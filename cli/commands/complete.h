// What may stand next on a command line, found in the tree of commands itself.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <map>
#include <string>
#include <vector>

namespace godwit::cli {

struct Candidate {
  std::string text;
  std::string description;
};

struct Completion {
  std::vector<Candidate> candidates;
  /// What else fits: the name of an argument (DEVICE, MODEL, ...; FILE for files), or empty.
  std::string kind;
  std::vector<std::string> positionals;        // given before, of this command
  std::map<std::string, std::string> options;  // long name -> value, given before
};

/// `words`: what follows the program's name, up to and with the unfinished word.
auto complete(CLI::App const& program, std::vector<std::string> const& words) -> Completion;

}  // namespace godwit::cli
