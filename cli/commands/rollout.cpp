// godwit rollout: made, steered and watched.
#include "cli/view/rollout.h"
#include "cli/commands/options.h"
#include "cli/commands/watch.h"
#include "cli/core/format.h"
#include "cli/core/output.h"
#include "cli/core/terminal.h"
#include "cli/view/device.h"
#include "cli/view/fields.h"

namespace godwit::cli {
namespace {

constexpr char kPath[] = "/api/v1/rollouts";

struct Options {
  std::string rollout;
  size_t limit = 0;
  std::string timeout = "0";
};

auto is_machine(Context const& context) -> bool {
  auto const mode = output_mode(context);
  return mode == OutputMode::json || mode == OutputMode::jsonl;
}

auto list(Context& context, Options const& options) -> Result<> {
  TRY(auto const api, Api::connect(context));
  TRY(auto const rollouts, api.list(kPath, options.limit));
  print_list(context, rollouts, rollouts_table(rollouts, now_s()));
  return {};
}

auto show(Context& context, Options const& options) -> Result<> {
  TRY(auto const api, Api::connect(context));
  TRY(auto const rollout, api.get(rollout_path(options.rollout)));
  if (is_machine(context) || context.quiet) {
    print_object(context, rollout, Table(), text(rollout, "state"));
    return {};
  }
  TRY(auto const attempts, api.list(rollout_path(options.rollout) + "/attempts"));
  for (auto const& line : rollout_page(rollout, attempts, now_s(), use_color(context)))
    context.out << line << '\n';
  return {};
}

auto attempts(Context& context, Options const& options) -> Result<> {
  TRY(auto const api, Api::connect(context));
  TRY(auto const found, api.list(rollout_path(options.rollout) + "/attempts", options.limit));
  print_list(context, found, rollout_attempts_table(found));
  return {};
}

auto watch(Context& context, Options const& options) -> Result<> {
  auto const timeout_s = parse_duration(options.timeout);
  if (!timeout_s) return usage(context, "--timeout: " + timeout_s.error().what);
  TRY(auto const api, Api::connect(context));
  return watch_rollout(context, api, options.rollout, *timeout_s);
}

auto steer(Context& context, std::string const& rollout, std::string const& verb) -> Result<> {
  TRY(auto const api, Api::connect(context));
  if (verb == "abort") {
    TRY(auto const present, api.get(rollout_path(rollout)));
    TRY_VOID(confirm(context, "abort the rollout " + rollout + " (" + text(present, "name") + ", " +
                                  text(present, "state") + ", " +
                                  std::to_string(number(present, "counts.succeeded")) + " of " +
                                  text(present, "devices") + " devices updated), for good"));
  }
  TRY(auto const after, api.post(rollout_path(rollout) + "/" + verb, Json::object()));
  Table table;
  for (auto const* name : {"id", "name", "state", "status"}) table.add({name, text(after, name)});
  print_object(context, after, table, text(after, "state"));
  return {};
}

}  // namespace

void add_rollout_commands(CLI::App& app, Context& context) {
  auto* rollouts = group(app, "rollout", "Rollouts: create, watch, pause, resume, abort");
  auto const options = std::make_shared<Options>();
  auto const add = [&](char const* name, char const* description, auto function) {
    auto* command = rollouts->add_subcommand(name, description);
    does(command, context, [&context, options, function] { return function(context, *options); });
    return command;
  };
  auto const limit = [&](CLI::App* command) {
    command->add_option("--limit", options->limit, "at most so many (default: all)")
        ->type_name("N");
  };

  limit(add("list", "List rollouts, newest first", list));
  argument(add("show", "Show a rollout with its devices", show), "ROLLOUT", options->rollout,
           "its id");

  auto* command = add("attempts", "List what became of each device", attempts);
  argument(command, "ROLLOUT", options->rollout, "its id");
  limit(command);

  command =
      add("watch", "Follow a rollout to its end: exit code 0 when it succeeds, else 5", watch);
  argument(command, "ROLLOUT", options->rollout, "its id");
  command->add_option("--timeout", options->timeout, "give up after this time, with code 3")
      ->type_name("TIME");

  static constexpr char const* kVerbs[][2] = {
      {"start", "Start a rollout that was made with --no-start"},
      {"pause", "Offer nothing more; what devices have begun goes on"},
      {"resume", "Go on with a paused rollout"},
      {"abort", "End a rollout: cancel what has not been installed"}};
  for (auto const& [verb, description] : kVerbs) {
    command = rollouts->add_subcommand(verb, description);
    argument(command, "ROLLOUT", options->rollout, "its id");
    does(command, context,
         [&context, options, verb = verb] { return steer(context, options->rollout, verb); });
  }
}

}  // namespace godwit::cli
