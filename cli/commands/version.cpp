// godwit version: what this program is.
#include "cli/commands/program.h"
#include "cli/core/output.h"

namespace godwit::cli {
namespace {

auto print_version(Context& context) -> Result<> {
  auto const object = Json::object({{"name", "godwit"}, {"version", GODWIT_VERSION}});
  Table table;
  table.add({"version", std::string(GODWIT_VERSION)});
  print_object(context, object, table, GODWIT_VERSION);
  return {};
}

}  // namespace

void add_version_commands(CLI::App& app, Context& context) {
  auto* version = app.add_subcommand("version", "Print the version of this program");
  does(version, context, [&context] { return print_version(context); });
}

}  // namespace godwit::cli
