// godwit keys init|renew|show: the keys and roots that everything else trusts.
#include "cli/publish/keys.h"
#include "cli/commands/options.h"
#include "cli/core/files.h"
#include "cli/core/output.h"
#include "proto/base/limits.h"
#include "proto/base/time.h"

namespace godwit::cli {
namespace {

struct Options {
  std::string path;
  int root_keys = 1;
  int root_threshold = 1;
  int root_days = 365;
  int targets_days = 180;
};

auto init(Context& context, Options const& options) -> Result<> {
  KeyPlan const plan = {.root_keys = options.root_keys,
                        .root_threshold = options.root_threshold,
                        .root_expires_s = now_s() + options.root_days * kDaySeconds,
                        .targets_expires_s = now_s() + options.targets_days * kDaySeconds};
  if (plan.root_threshold > plan.root_keys)
    return usage(context, "--root-threshold is more than --root-keys");
  TRY_VOID(init_keys({options.path}, plan));
  say(context, "made keys in " + options.path +
                   "; take root-*.key and director-root.key offline, and give the server only "
                   "image/root.json, director/root.json, director.key and server-seal.key");
  return {};
}

auto renew(Context& context, Options const& options) -> Result<> {
  TRY_VOID(renew_documents({options.path}, now_s() + options.root_days * kDaySeconds,
                           now_s() + options.targets_days * kDaySeconds, now_s()));
  say(context, "renewed the roots and targets in " + options.path +
                   "; give the server the new roots and start it again: devices follow by "
                   "themselves, one root after another");
  return {};
}

void show_roles(Table& table, proto::Root const& root) {
  for (auto const& [name, role] : root.roles) {
    std::string keys;
    for (auto const& id : role.key_ids) keys += (keys.empty() ? "" : " ") + id.substr(0, 16);
    table.add({"role " + name, std::to_string(role.threshold) + " of " + keys});
  }
}

auto show_targets(Table& table, Json const& body) -> Result<> {
  TRY(auto const targets, proto::parse_targets(body));
  if (!targets.device_id.empty()) table.add({"device", targets.device_id});
  for (auto const& [path, target] : targets.targets)
    table.add({path, std::to_string(target.length) + " bytes, " + target.sha256.hex()});
  return {};
}

auto show(Context& context, Options const& options) -> Result<> {
  TRY(auto const bytes, read_file(options.path, limits::kMetadataBytesMax));
  TRY(auto const document,
      proto::SignedDocument::parse(as_text(bytes), limits::kMetadataBytesMax).within(options.path));
  auto const& body = document.body();
  TRY(auto const version, body.get_int("version"));
  TRY(auto const expires, body.get_string("expires"));
  TRY(auto const expires_s, parse_time(expires));
  Table table;
  table.add({"type", document.type()});
  table.add({"version", std::to_string(version)});
  table.add({"expires", {expires, expires_s <= now_s() ? Style::bad : Style::plain}});
  if (document.type() == "root") {
    TRY(auto const root, proto::parse_root(body));
    show_roles(table, root);
    auto const holds = document.verify(root.roles.at("root"), root.keys);
    table.add({"signed by itself", holds ? "yes" : holds.error().what});
  } else {
    TRY_VOID(show_targets(table, body));
  }
  print_object(context, body, table, document.type());
  return {};
}

void add_expiry(CLI::App* command, Options& options) {
  command->add_option("--root-days", options.root_days, "until the roots expire")
      ->check(CLI::Range(1, 3650))
      ->capture_default_str();
  command->add_option("--targets-days", options.targets_days, "until the image targets expire")
      ->check(CLI::Range(1, 3650))
      ->capture_default_str();
}

}  // namespace

void add_keys_commands(CLI::App& app, Context& context) {
  auto* keys = group(app, "keys", "Keys and roots of trust");
  auto const options = std::make_shared<Options>();
  auto* made = keys->add_subcommand("init", "Make every key, and the first documents they sign");
  argument(made, "DIR", options->path, "a folder that does not exist yet, or is empty");
  made->add_option("--root-keys", options->root_keys, "keys of the image root, for as many persons")
      ->check(CLI::Range(1, kRootKeysMax))
      ->capture_default_str();
  made->add_option("--root-threshold", options->root_threshold, "how many of them must sign")
      ->check(CLI::Range(1, kRootKeysMax))
      ->capture_default_str();
  add_expiry(made, *options);
  does(made, context, [&context, options] { return init(context, *options); });

  auto* renewed = keys->add_subcommand("renew", "Sign roots and targets again before they expire");
  argument(renewed, "DIR", options->path, "a folder of keys, with a threshold of the root's");
  add_expiry(renewed, *options);
  does(renewed, context, [&context, options] { return renew(context, *options); });

  auto* shown = keys->add_subcommand("show", "What a signed document says, and whom it trusts");
  argument(shown, "FILE", options->path, "a root.json or targets.json");
  does(shown, context, [&context, options] { return show(context, *options); });
}

}  // namespace godwit::cli
