// Context: what every command is given: the flags of the whole program, how to print, and the exit
// code. Filled by the parser (cli/commands/program.cpp), read by the commands; holds no CLI11.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/result.h"

namespace godwit::cli {

/// The exit codes of docs/cli.md, the same for every command.
enum class Exit : uint8_t {
  good = 0,
  error = 1,
  usage = 2,
  declined = 3,  // the person said no, nobody could be asked, or --timeout passed
  denied = 4,    // not authenticated, or not allowed
  rolled_back = 5,
  conflict = 7,
  interrupted = 130,
};

/// The exit code of an error that no command gave a code of its own.
auto exit_code(Code code) -> Exit;

enum class OutputMode : uint8_t {
  automatic,  // table on a terminal, tsv into a pipe
  table,
  tsv,
  json,
  jsonl,
};

struct Context {
  Context();
  Context(std::ostream& output, std::ostream& messages) : out(output), err(messages) {}

  /// Data for the next program, and words for a person.
  std::ostream& out;
  std::ostream& err;

  OutputMode mode = OutputMode::automatic;
  std::vector<std::string> fields;  // --json=a,b.c: only these
  std::string jq;                   // --jq: what is printed of the JSON
  bool quiet = false;               // -q: names only, no messages
  bool no_color = false;
  bool assume_yes = false;  // --yes
  std::string confirmed;    // --confirm=NAME: what must be named before it goes for good
  bool no_input = false;    // --no-input: never ask

  /// Flags that choose the server; empty means environment, then the chosen context.
  std::string context_name;
  std::string server;
  std::string token_file;
  std::string ca;

  /// What the command line asked for; main runs it once everything is parsed.
  std::function<Result<>()> work;
  /// The exit code. A command that sets it and also returns an error keeps its own code.
  Exit exit = Exit::good;
};

/// An error of the command line itself: exit code 2.
auto usage(Context& context, std::string what) -> Error;

/// Asks before something that cannot simply be undone. `what` says what will happen ("revoke
/// device cam-1"). With --yes it goes ahead; where nobody can be asked, or the answer is not yes,
/// the error carries exit code 3.
auto confirm(Context& context, std::string_view what) -> Result<>;

/// The same before what nothing brings back ("revoke the device cam-1, for good"): a person types
/// `name`, a script gives it by --confirm; --yes is not enough.
auto confirm_by_name(Context& context, std::string_view what, std::string const& name) -> Result<>;

/// Runs context.work, prints its error on context.err, and returns the exit code of the process.
auto run(Context& context) -> Exit;

}  // namespace godwit::cli
