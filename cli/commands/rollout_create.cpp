// godwit rollout create: to which devices a release goes, in which steps, and when it stops.
#include "cli/commands/options.h"
#include "cli/commands/watch.h"
#include "cli/core/format.h"
#include "cli/core/output.h"
#include "cli/core/terminal.h"
#include "cli/view/fields.h"
#include "cli/view/rollout.h"

namespace godwit::cli {
namespace {

constexpr char kPath[] = "/api/v1/rollouts";

struct Options {
  std::string model;
  std::string version;
  std::string name;
  std::string filter;
  std::string saved_filter;
  std::vector<std::string> phases;
  double success_percent = -1;
  std::string soak = "0";
  double abort_threshold_percent = -1;
  int64_t min_executed = -1;
  std::string attempt_timeout;
  std::string timeout = "0";
  uint32_t retries = 0;
  std::string on_failure = "stop";
  bool dry_run = false;
  bool watch = false;
  bool no_start = false;
};

auto request_of(Context& context, Options const& options) -> Result<Json> {
  auto const soak_s = parse_duration(options.soak);
  if (!soak_s) return usage(context, "--soak: " + soak_s.error().what);
  auto const given = options.phases.empty() ? std::vector<std::string>{"100"} : options.phases;
  auto phases =
      parse_phases(given, {.success_percent = options.success_percent, .soak_s = *soak_s});
  if (!phases) return usage(context, "--phases: " + phases.error().what);
  auto request = Json::object(
      {{"name", options.name.empty() ? options.model + "-" + options.version : options.name},
       {"model", options.model},
       {"version", options.version},
       {"filter", options.filter},
       {"saved_filter", options.saved_filter},
       {"phases", *std::move(phases)},
       {"retries", options.retries},
       {"on_failure", options.on_failure},
       {"start", !options.no_start},
       {"dry_run", options.dry_run}});
  // What is not said is left to the server.
  auto abort = Json::object();
  if (options.abort_threshold_percent >= 0)
    abort.set("threshold_percent", options.abort_threshold_percent);
  if (options.min_executed >= 0) abort.set("min_executed", options.min_executed);
  if (abort.size()) request.set("abort", std::move(abort));
  if (!options.attempt_timeout.empty()) {
    auto const seconds = parse_duration(options.attempt_timeout);
    if (!seconds) return usage(context, "--attempt-timeout: " + seconds.error().what);
    request.set("in_progress_timeout_s", *seconds);
  }
  return request;
}

void print_plan(Context& context, Json const& plan) {
  auto const mode = output_mode(context);
  if (mode == OutputMode::json || mode == OutputMode::jsonl) {
    print_object(context, plan, Table());
    return;
  }
  for (auto const& line : plan_lines(plan, use_color(context))) context.out << line << '\n';
}

auto create(Context& context, Options const& options) -> Result<> {
  auto const timeout_s = parse_duration(options.timeout);
  if (!timeout_s) return usage(context, "--timeout: " + timeout_s.error().what);
  if (options.watch && (options.no_start || options.dry_run))
    return usage(context,
                 "--watch needs a rollout that starts: leave out --no-start and --dry-run");
  TRY(auto const request, request_of(context, options));
  TRY(auto const api, Api::connect(context));
  TRY(auto const made, api.post(kPath, request));
  if (options.dry_run) {
    print_plan(context, made);
    return {};
  }
  auto const id = text(made, "id");
  if (options.watch) {
    say(context, "rollout " + id + " is made");
    return watch_rollout(context, api, id, *timeout_s);
  }
  Table table;
  for (auto const* name : {"id", "name", "state", "devices", "status"})
    table.add({name, text(made, name)});
  print_object(context, made, table, id);
  say(context, options.no_start ? "start it: godwit rollout start " + id
                                : "follow it: godwit rollout watch " + id);
  return {};
}

void add_rules(CLI::App* command, Options& options) {
  auto const rules = "Rules";
  auto const add = [&](char const* name, auto& value, char const* description, char const* type) {
    return command->add_option(name, value, description)->type_name(type)->group(rules);
  };
  add("--phases,--phase", options.phases,
      "cumulative percentages, such as 20,100 (default 100); 20:soak=10m:success=95 gives one "
      "phase its own rule; may be repeated",
      "LIST")
      ->allow_extra_args(false);
  add("--success-percent", options.success_percent,
      "of a phase's devices that must succeed before the next phase begins", "PERCENT")
      ->check(CLI::Range(0.0, 100.0).description(""));
  add("--soak", options.soak, "wait so long between phases, such as 10m", "TIME");
  add("--abort-threshold", options.abort_threshold_percent,
      "stop when more than this share of the devices has failed", "PERCENT")
      ->check(CLI::Range(0.0, 100.0).description(""));
  add("--min-executed", options.min_executed, "but not before so many devices have ended", "N")
      ->check(CLI::Range(int64_t{0}, int64_t{INT32_MAX}).description(""));
  add("--attempt-timeout", options.attempt_timeout,
      "a device that takes longer has failed, such as 1h", "TIME");
  add("--retries", options.retries, "give a failed device so many more tries", "N");
  choice(add("--on-failure", options.on_failure,
             "stop, or rollback: send updated devices back to what they ran", ""),
         {"stop", "rollback"});
}

}  // namespace

void add_rollout_create_commands(CLI::App& app, Context& context) {
  auto* rollouts = group(app, "rollout", "Rollouts: create, watch, pause, resume, abort");
  auto const options = std::make_shared<Options>();
  auto* command = rollouts->add_subcommand("create", "Send a release to devices, in phases");
  argument(command, "MODEL", options->model, "a model");
  argument(command, "VERSION", options->version, "the release to send");
  command->add_option("--name", options->name, "what to call it (default MODEL-VERSION)")
      ->type_name("NAME");
  command->add_option("--filter", options->filter, "only these devices (default: all)")
      ->type_name("FIQL");
  command->add_option("--saved-filter", options->saved_filter, "only those of a saved filter")
      ->type_name("FILTER")
      ->excludes("--filter");
  add_rules(command, *options);
  command->add_flag("--dry-run", options->dry_run, "only say which devices would be updated");
  command->add_flag("--no-start", options->no_start, "make it, start it later");
  command->add_flag("--watch", options->watch, "then follow it to its end, as rollout watch does");
  command->add_option("--timeout", options->timeout, "with --watch: give up after this time")
      ->type_name("TIME");
  does(command, context, [&context, options] { return create(context, *options); });
}

}  // namespace godwit::cli
