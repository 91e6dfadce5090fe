// godwit: the operator's program. Parses the command line, runs the command, gives its exit code.
#include <exception>
#include <iostream>

#include "cli/commands/program.h"

namespace {

auto parse_and_run(int argc, char** argv) -> godwit::cli::Exit {
  using godwit::cli::Exit;
  godwit::cli::Context context;
  CLI::App app;
  godwit::cli::build_program(app, context);
  try {
    app.parse(argc, argv);
  } catch (CLI::ParseError const& error) {
    // --help arrives as a ParseError of code 0, printed on stdout; the rest is wrong usage.
    return app.exit(error) == 0 ? Exit::good : Exit::usage;
  }
  return run(context);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return static_cast<int>(parse_and_run(argc, argv));
  } catch (std::exception const& error) {
    std::cerr << "godwit: unexpected: " << error.what() << '\n';
    return static_cast<int>(godwit::cli::Exit::error);
  }
}
