// godwit: the operator's program. Parses the command line, runs the command, gives its exit code.
#include <malloc.h>

#include <exception>
#include <iostream>

#include "cli/commands/program.h"
#include "cli/core/terminal.h"

namespace {

auto parse_and_run(int argc, char** argv) -> godwit::cli::Exit {
  using godwit::cli::Exit;
  godwit::cli::Context context;
  CLI::App app;
  godwit::cli::build_program(app, context);
  try {
    app.parse(argc, argv);
  } catch (CLI::ParseError const& error) {
    // --help and --version arrive as a ParseError of code 0; the rest is wrong usage.
    auto const unknown = app.remaining(true);
    if (error.get_exit_code() == 0 || unknown.empty())
      return app.exit(error) == 0 ? Exit::good : Exit::usage;
    std::cerr << "godwit: '" << godwit::cli::printable(unknown.front())
              << "' is not expected here; see --help\n";
    return Exit::usage;
  }
  return run(context);
}

}  // namespace

int main(int argc, char** argv) {
  // What is freed goes back: else one large block freed makes all below it stay with the process.
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
  try {
    return static_cast<int>(parse_and_run(argc, argv));
  } catch (std::exception const& error) {
    std::cerr << "godwit: unexpected: " << error.what() << '\n';
    return static_cast<int>(godwit::cli::Exit::error);
  }
}
