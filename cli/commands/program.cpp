#include "cli/commands/program.h"

#include <algorithm>
#include <map>
#include <memory>

#include "cli/core/output.h"

namespace godwit::cli {
namespace {

void split_fields(Context& context, std::string const& list) {
  // -o was read before.
  if (context.mode == OutputMode::automatic) context.mode = OutputMode::json;
  if (list == "true") return;  // what CLI11 gives a flag without a value
  for (size_t start = 0; start <= list.size();) {
    size_t const comma = std::min(list.find(',', start), list.size());
    if (comma > start) context.fields.push_back(list.substr(start, comma - start));
    start = comma + 1;
  }
}

void add_global_flags(CLI::App& app, Context& context) {
  static std::map<std::string, OutputMode> const modes = {{"table", OutputMode::table},
                                                          {"tsv", OutputMode::tsv},
                                                          {"json", OutputMode::json},
                                                          {"jsonl", OutputMode::jsonl}};
  auto const output = "Output";
  auto* form = app.add_option_function<std::string>(
      "-o,--output", [&context](std::string const& name) { context.mode = modes.at(name); },
      "the form of what is printed (default: table on a terminal, tsv into a pipe)");
  choice(form->group(output), {"table", "tsv", "json", "jsonl"});
  auto const fields = std::make_shared<std::string>();
  app.add_flag("--json", *fields,
               "the same as -o json; --json=a,b.c prints only these members (with -o jsonl too)")
      ->each([&context, fields](std::string const& list) { split_fields(context, list); })
      ->group(output);
  app.add_option_function<std::string>(
         "--jq",
         [&context](std::string const& filter) {
           if (context.mode == OutputMode::automatic) context.mode = OutputMode::json;
           context.jq = filter;
         },
         "print what this jq filter makes of the JSON; text without quotes")
      ->type_name("FILTER_OF_JQ")
      ->group(output);
  app.add_flag("-q,--quiet", context.quiet, "names only, and no messages")->group(output);
  app.add_flag("--no-color", context.no_color, "plain text; NO_COLOR does the same")->group(output);

  auto const asking = "Asking";
  app.add_flag("-y,--yes", context.assume_yes, "do it without asking")->group(asking);
  app.add_option(
         "--confirm", context.confirmed,
         "before what nothing brings back: its name (yank: the version; revoke: the device)")
      ->type_name("NAME")
      ->group(asking);
  app.add_flag("--no-input", context.no_input, "never ask; what would ask fails with code 3")
      ->group(asking);

  auto const server = "Server";
  app.add_option("--context", context.context_name, "a saved server (GODWIT_CONTEXT)")
      ->type_name("NAME")
      ->group(server);
  app.add_option("--server", context.server, "https://HOST:PORT (GODWIT_SERVER)")
      ->type_name("URL")
      ->group(server);
  app.add_option("--token-file", context.token_file, "a file with the token (or GODWIT_TOKEN)")
      ->type_name("FILE")
      ->group(server);
  app.add_option("--ca", context.ca, "the CA that signed the server's certificate (GODWIT_CA)")
      ->type_name("FILE")
      ->group(server);
}

}  // namespace

void build_program(CLI::App& app, Context& context) {
  app.name("godwit");
  app.description("Updates for machine-learning models on fleets of devices.");
  app.set_version_flag("--version", GODWIT_VERSION);
  app.require_subcommand(1);
  // So that `godwit device list --json` finds the flags of the whole program.
  app.fallthrough();
  add_global_flags(app, context);
  for (AddCommands add : kGroups) add(app, context);
}

auto group(CLI::App& app, std::string const& name, std::string const& description) -> CLI::App* {
  for (auto* known : app.get_subcommands([&](CLI::App* sub) { return sub->get_name() == name; }))
    return known;
  auto* made = app.add_subcommand(name, description);
  made->require_subcommand(1);
  return made;
}

void choice(CLI::Option* option, std::vector<std::string> const& values) {
  option->type_name(CLI::detail::join(values, "|"));
  option->check(CLI::Validator(
      [values](std::string const& given) {
        if (std::find(values.begin(), values.end(), given) != values.end()) return std::string();
        return "'" + given + "' is not one of " + CLI::detail::join(values, ", ");
      },
      ""));
}

void does(CLI::App* command, Context& context, std::function<Result<>()> work) {
  command->callback([&context, work = std::move(work)] { context.work = work; });
}

}  // namespace godwit::cli
