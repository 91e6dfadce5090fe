// godwit delta show, request: the deltas that the server makes between two releases. (create, apply
// and inspect, which need no server, are in delta.cpp.)
#include "cli/commands/options.h"
#include "cli/core/output.h"
#include "cli/view/release.h"

namespace godwit::cli {
namespace {

struct Pair {
  std::string model;
  std::string from;
  std::string to;
  std::string format;
};

auto show(Context& context, Pair const& pair) -> Result<> {
  TRY(auto const api, Api::connect(context));
  TRY(auto const found, api.list(model_path(pair.model) + "/deltas?from=" + escaped(pair.from) +
                                 "&to=" + escaped(pair.to)));
  if (found.size() == 0)
    return not_found("nobody needed a delta " + pair.from + " -> " + pair.to + " of '" +
                     pair.model + "' yet; godwit delta request asks for it");
  print_list(context, found, delta_table(found, now_s()));
  return {};
}

auto request(Context& context, Pair const& pair) -> Result<> {
  TRY(auto const api, Api::connect(context));
  auto body = Json::object({{"from", pair.from}, {"to", pair.to}});
  if (!pair.format.empty()) body.set("format", pair.format);
  TRY(auto const answer, api.post(model_path(pair.model) + "/deltas", body));
  auto const* items = answer.find("items");
  auto const found = items ? *items : Json::array();
  print_list(context, found, deltas_table(found, Models::one, now_s()));
  return {};
}

}  // namespace

void add_delta_request_commands(CLI::App& app, Context& context) {
  auto* delta = group(app, "delta", "Deltas between two files, and those between releases");
  auto const pair = std::make_shared<Pair>();
  auto const of_pair = [&](CLI::App* command) {
    argument(command, "MODEL", pair->model, "a model");
    argument(command, "FROM", pair->from, "the release that devices run");
    argument(command, "TO", pair->to, "the release that it makes");
  };
  auto* command =
      delta->add_subcommand("show", "Tell all about the server's deltas between two releases");
  of_pair(command);
  does(command, context, [&context, pair] { return show(context, *pair); });

  command = delta->add_subcommand(
      "request", "Ask the server for a delta: again, where it failed, or one that nobody needed");
  of_pair(command);
  choice(command->add_option("--format", pair->format,
                             "only this one; unless given, all of the pair that failed, were "
                             "rejected or dropped, and godwit if there is none"),
         {"bsdiff", "godwit", "godwit-small", "godwit-fast"});
  does(command, context, [&context, pair] { return request(context, *pair); });
}

}  // namespace godwit::cli
