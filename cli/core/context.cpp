#include "cli/core/context.h"

#include <iostream>
#include <string>

#include "cli/core/terminal.h"

namespace godwit::cli {

Context::Context() : Context(std::cout, std::cerr) {}

auto exit_code(Code code) -> Exit {
  switch (code) {
    case Code::denied:
      return Exit::denied;
    case Code::conflict:
      return Exit::conflict;
    case Code::invalid:
    case Code::not_found:
    case Code::corrupt:
    case Code::retry:
    case Code::internal:
      return Exit::error;
  }
  return Exit::error;
}

auto usage(Context& context, std::string what) -> Error {
  context.exit = Exit::usage;
  return invalid(std::move(what));
}

auto confirm(Context& context, std::string_view what) -> Result<> {
  if (context.assume_yes) return {};
  context.exit = Exit::declined;
  if (context.no_input || !stdin_is_terminal())
    return invalid("this would " + std::string(what) + ", and nobody can be asked; add --yes");
  context.err << "This will " << what << ". Go ahead? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  if (answer != "y" && answer != "Y" && answer != "yes")
    return invalid("declined; nothing was changed");
  context.exit = Exit::good;
  return {};
}

auto confirm_by_name(Context& context, std::string_view what, std::string const& name) -> Result<> {
  if (context.confirmed == name) return {};
  context.exit = Exit::declined;
  auto const would = "this would " + std::string(what);
  if (!context.confirmed.empty())
    return invalid(would + ", and --confirm names '" + context.confirmed + "'");
  if (context.no_input || !stdin_is_terminal())
    return invalid(would + ", and nobody can be asked; add --confirm=" + name);
  context.err << "This will " << what << ". Type " << name << " to go ahead: " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  if (answer != name) return invalid("declined; nothing was changed");
  context.exit = Exit::good;
  return {};
}

auto run(Context& context) -> Exit {
  CHECK(context.work);
  auto const result = context.work();
  if (!result) {
    context.out << std::flush;
    context.err << "godwit: " << printable(result.error().what) << std::endl;
    if (context.exit == Exit::good) context.exit = exit_code(result.error().code);
    return context.exit;
  }
  // A full disk or a closed pipe must not look like success.
  context.out << std::flush;
  if (context.out.fail()) {
    context.err << "godwit: cannot write to standard output" << std::endl;
    return Exit::error;
  }
  return context.exit;
}

}  // namespace godwit::cli
