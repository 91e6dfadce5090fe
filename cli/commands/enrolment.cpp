// godwit enrolment-token: what lets new devices in.
#include "cli/commands/options.h"
#include "cli/core/format.h"
#include "cli/core/output.h"
#include "cli/view/fields.h"

namespace godwit::cli {
namespace {

constexpr char kPath[] = "/api/v1/enrolment-tokens";

struct Options {
  std::string id;
  std::string note;
  std::string expires = "1d";
  uint32_t uses = 1;
};

auto create(Context& context, Options const& options) -> Result<> {
  auto const expires_in_s = parse_duration(options.expires);
  if (!expires_in_s) return usage(context, "--expires: " + expires_in_s.error().what);
  TRY(auto const api, Api::connect(context));
  auto request = Json::object({{"uses", options.uses}, {"expires_in_s", *expires_in_s}});
  if (!options.note.empty()) request.set("note", options.note);
  TRY(auto const made, api.post(kPath, request));
  Table table;
  for (auto const* name : {"id", "token", "uses_left", "expires_at"})
    table.add({name, text(made, name)});
  say(context, "keep the token now: it is not shown again");
  print_object(context, made, table, text(made, "token"));
  return {};
}

auto list(Context& context, Options const&) -> Result<> {
  TRY(auto const api, Api::connect(context));
  TRY(auto const tokens, api.list(kPath));
  Table table({"ID", {"USES LEFT", Table::Align::right}, "EXPIRES", "NOTE"});
  for (Json const& token : tokens.items())
    table.add({text(token, "id"), text(token, "uses_left"), text(token, "expires_at"),
               text(token, "note")});
  print_list(context, tokens, table);
  return {};
}

auto remove(Context& context, Options const& options) -> Result<> {
  TRY_VOID(confirm(context, "delete the enrolment token " + options.id));
  TRY(auto const api, Api::connect(context));
  TRY_VOID(api.remove(std::string(kPath) + "/" + escaped(options.id)));
  say(context, "deleted; devices that have enrolled with it stay");
  return {};
}

}  // namespace

void add_enrolment_commands(CLI::App& app, Context& context) {
  auto* tokens = group(app, "enrolment-token", "Tokens that let new devices enrol");
  auto const options = std::make_shared<Options>();
  auto const add = [&](char const* name, char const* description, auto function) {
    auto* command = tokens->add_subcommand(name, description);
    does(command, context, [&context, options, function] { return function(context, *options); });
    return command;
  };

  auto* command = add("create", "Make a token; -q prints only the token", create);
  command->add_option("--uses", options->uses, "how many devices it lets in (default 1)")
      ->check(CLI::Range(1, 1'000'000).description(""))
      ->type_name("N");
  command->add_option("--expires", options->expires, "after this time, such as 1h (default 1d)")
      ->type_name("TIME");
  command->add_option("--note", options->note, "what it is for")->type_name("TEXT");

  add("list", "List the tokens that still let devices in", list);

  command = add("delete", "Make a token useless", remove);
  argument(command, "ID", options->id, "of the token");
}

}  // namespace godwit::cli
