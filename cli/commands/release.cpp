// godwit release list, show, log, deltas, traffic, downloads, promote, yank: what the server has
// been given. (push is in push.cpp; sign, which needs no server, in release_sign.cpp.)
#include "cli/view/release.h"
#include "cli/commands/options.h"
#include "cli/core/output.h"
#include "cli/core/terminal.h"

namespace godwit::cli {
namespace {

struct Options {
  std::string model;
  std::string version;
  std::string channel;
  std::string state;
  std::string reason;
  size_t limit = 0;
};

auto list(Context& context, Options const& options) -> Result<> {
  TRY(auto const api, Api::connect(context));
  if (options.model.empty()) {
    TRY(auto const models, api.list("/api/v1/models", options.limit));
    print_list(context, models, models_table(models, now_s()));
    return {};
  }
  auto path = model_path(options.model) + "/releases";
  if (!options.channel.empty()) path += "?channel=" + escaped(options.channel);
  TRY(auto const releases, api.list(path, options.limit));
  print_list(context, releases, releases_table(releases, now_s()));
  return {};
}

auto show(Context& context, Options const& options) -> Result<> {
  TRY(auto const api, Api::connect(context));
  TRY(auto const release, api.get(release_path(options.model, options.version)));
  print_object(context, release, release_table(release), options.version);
  return {};
}

auto log(Context& context, Options const& options) -> Result<> {
  TRY(auto const api, Api::connect(context));
  TRY(auto history, api.list(model_path(options.model) + "/releases"));
  if (!options.version.empty()) {
    TRY(history, release_history(history, options.version));
  }
  auto const mode = output_mode(context);
  if (context.quiet || mode == OutputMode::json || mode == OutputMode::jsonl) {
    print_list(context, history, releases_table(history, now_s()));
    return {};
  }
  for (auto const& line : release_log(history, now_s(), use_color(context)))
    context.out << line << '\n';
  return {};
}

auto deltas(Context& context, Options const& options) -> Result<> {
  TRY(auto const api, Api::connect(context));
  auto path = options.model.empty() ? "/api/v1" : model_path(options.model);
  path += "/deltas";
  if (!options.state.empty()) path += "?state=" + escaped(options.state);
  TRY(auto const found, api.list(path, options.limit));
  auto const models = options.model.empty() ? Models::all : Models::one;
  print_list(context, found, deltas_table(found, models, now_s()));
  return {};
}

auto traffic(Context& context, Options const& options) -> Result<> {
  TRY(auto const api, Api::connect(context));
  if (options.model.empty()) {
    TRY(auto const tags, api.list("/api/v1/traffic", options.limit));
    print_list(context, tags, tag_traffic_table(tags));
    return {};
  }
  TRY(auto const found, api.list(model_path(options.model) + "/traffic", options.limit));
  print_list(context, found, traffic_table(found));
  return {};
}

auto downloads(Context& context, Options const& options) -> Result<> {
  TRY(auto const api, Api::connect(context));
  auto const path = release_path(options.model, options.version);
  TRY(auto const release, api.get(path));
  TRY(auto const found, api.list(path + "/attempts", options.limit));
  print_list(context, found, downloads_table(found, release, now_s()));
  return {};
}

auto promote(Context& context, Options const& options) -> Result<> {
  TRY(auto const api, Api::connect(context));
  TRY(auto const release, api.post(release_path(options.model, options.version) + "/promote",
                                   Json::object({{"channel", options.channel}})));
  say(context, options.model + " " + options.version + " is now in the channel " + options.channel);
  print_object(context, release, release_table(release), options.version);
  return {};
}

auto yank(Context& context, Options const& options) -> Result<> {
  auto const name = options.model + " " + options.version;
  TRY_VOID(confirm_by_name(context, "yank " + name + ", for good: no rollout can send it any more",
                           options.version));
  TRY(auto const api, Api::connect(context));
  TRY(auto const release, api.post(release_path(options.model, options.version) + "/yank",
                                   Json::object({{"reason", options.reason}})));
  say(context, name + " is yanked; devices that run it keep it");
  print_object(context, release, release_table(release), options.version);
  return {};
}

}  // namespace

void add_release_commands(CLI::App& app, Context& context) {
  auto* releases = group(app, "release", "Releases of models: sign, push, list, promote, yank");
  auto const options = std::make_shared<Options>();
  auto const add = [&](char const* name, char const* description, auto function) {
    auto* command = releases->add_subcommand(name, description);
    does(command, context, [&context, options, function] { return function(context, *options); });
    return command;
  };
  auto const limit = [&](CLI::App* command) {
    command->add_option("--limit", options->limit, "at most so many (default: all)")
        ->type_name("N");
  };

  auto* command = add("list", "List the releases of a model, or the models", list);
  command->add_option("MODEL", options->model, "a model; without it, the models")->type_name("");
  command->add_option("--channel", options->channel, "only of this channel")->type_name("NAME");
  limit(command);

  command = add("show", "Show one release", show);
  argument(command, "MODEL", options->model, "a model");
  argument(command, "VERSION", options->version, "one of its releases");

  command = add("log", "Show releases with their notes, newest first", log);
  argument(command, "MODEL", options->model, "a model");
  command->add_option("VERSION", options->version, "only this release and those it descends from")
      ->type_name("");

  command = add("deltas", "List the deltas between releases, and what became of each", deltas);
  command->add_option("MODEL", options->model, "a model; without it, all of them")->type_name("");
  choice(command->add_option("--state", options->state,
                             "only of this state; failed ones are alarms (godwit delta request)"),
         {"pending", "running", "ready", "rejected", "failed", "dropped"});
  limit(command);

  command =
      add("traffic", "Tell how releases came to devices: ways, bytes, what deltas saved", traffic);
  command
      ->add_option("MODEL", options->model,
                   "a model, by pair of releases; without it, by devices' tags")
      ->type_name("");
  limit(command);

  command = add("downloads", "List what each device fetched of a release", downloads);
  argument(command, "MODEL", options->model, "a model");
  argument(command, "VERSION", options->version, "one of its releases");
  limit(command);

  command = add("promote", "Put a release into a channel", promote);
  argument(command, "MODEL", options->model, "a model");
  argument(command, "VERSION", options->version, "one of its releases");
  argument(command, "CHANNEL", options->channel, "such as stable or beta");

  command = add("yank", "Withdraw a release: no rollout can send it any more", yank);
  argument(command, "MODEL", options->model, "a model");
  argument(command, "VERSION", options->version, "one of its releases");
  command->add_option("--reason", options->reason, "why; kept with the release")
      ->required()
      ->type_name("TEXT");
}

}  // namespace godwit::cli
