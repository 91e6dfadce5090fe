// godwit filter: queries of devices, saved under a name.
#include "cli/commands/options.h"
#include "cli/core/output.h"
#include "cli/view/fields.h"

namespace godwit::cli {
namespace {

constexpr char kPath[] = "/api/v1/filters";

struct Options {
  std::string name;
  std::string query;
};

auto path_of(Options const& options) -> std::string {
  return std::string(kPath) + "/" + escaped(options.name);
}

auto filter_table(Json const& filter) -> Table {
  Table table;
  table.add({"filter", text(filter, "name")});
  table.add({"query", text(filter, "query")});
  return table;
}

auto set(Context& context, Options const& options) -> Result<> {
  TRY(auto const api, Api::connect(context));
  TRY(auto const reply, api.put(path_of(options), Json::object({{"query", options.query}})));
  print_object(context, reply.json, filter_table(reply.json), options.name);
  return {};
}

auto show(Context& context, Options const& options) -> Result<> {
  TRY(auto const api, Api::connect(context));
  TRY(auto const filter, api.get(path_of(options)));
  print_object(context, filter, filter_table(filter), options.name);
  return {};
}

auto list(Context& context, Options const&) -> Result<> {
  TRY(auto const api, Api::connect(context));
  TRY(auto const filters, api.list(kPath));
  Table table({"FILTER", "QUERY"});
  for (Json const& filter : filters.items())
    table.add({text(filter, "name"), text(filter, "query")});
  print_list(context, filters, table);
  return {};
}

auto remove(Context& context, Options const& options) -> Result<> {
  TRY_VOID(confirm(context, "delete the filter " + options.name));
  TRY(auto const api, Api::connect(context));
  TRY_VOID(api.remove(path_of(options)));
  say(context, "deleted; rollouts made with it keep their devices");
  return {};
}

}  // namespace

void add_filter_commands(CLI::App& app, Context& context) {
  auto* filters = group(app, "filter", "Saved queries of devices");
  auto const options = std::make_shared<Options>();
  auto const add = [&](char const* name, char const* description, auto function) {
    auto* command = filters->add_subcommand(name, description);
    does(command, context, [&context, options, function] { return function(context, *options); });
    return command;
  };

  auto* command = add("set", "Save a query under a name, or replace it", set);
  argument(command, "FILTER", options->name, "its name");
  argument(command, "FIQL", options->query, "such as 'attribute.site==north;tag==canary'");

  command = add("show", "Show one filter", show);
  argument(command, "FILTER", options->name, "its name");

  add("list", "List the saved filters", list);

  command = add("delete", "Forget a filter", remove);
  argument(command, "FILTER", options->name, "its name");
}

}  // namespace godwit::cli
