// godwit device: what the fleet is and runs.
#include <algorithm>

#include "cli/commands/options.h"
#include "cli/core/output.h"
#include "cli/view/device.h"

namespace godwit::cli {
namespace {

struct Options {
  std::string device;
  std::string query;
  size_t limit = 0;
  std::vector<std::string> tags;
  std::vector<std::string> removed;
  std::vector<std::string> attributes;  // name=value; without a value: remove
};

auto list(Context& context, Options const& options) -> Result<> {
  TRY(auto const api, Api::connect(context));
  std::string path = "/api/v1/devices";
  if (!options.query.empty()) path += "?q=" + escaped(options.query);
  TRY(auto const devices, api.list(path, options.limit));
  print_list(context, devices, devices_table(devices, now_s()));
  return {};
}

auto show(Context& context, Options const& options) -> Result<> {
  TRY(auto const api, Api::connect(context));
  TRY(auto const device, api.get(device_path(options.device)));
  print_object(context, device, device_table(device, now_s()), options.device);
  return {};
}

auto attempts(Context& context, Options const& options) -> Result<> {
  TRY(auto const api, Api::connect(context));
  TRY(auto const found, api.list(device_path(options.device) + "/attempts", options.limit));
  print_list(context, found, device_attempts_table(found, now_s()));
  return {};
}

/// The device's tags, without the removed ones, with the new ones.
auto changed_tags(Json const& device, Options const& options) -> Json {
  std::vector<std::string> tags;
  auto const* present = device.find("tags");
  for (Json const& tag : present ? present->items() : Json::Array())
    tags.push_back(tag.as_string().value_or(""));
  for (auto const& tag : options.removed) std::erase(tags, tag);
  for (auto const& tag : options.tags)
    if (std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.push_back(tag);
  Json out = Json::array();
  for (auto const& tag : tags) out.push_back(tag);
  return out;
}

auto changed_attributes(Json const& device, Options const& options) -> Result<Json> {
  auto const* present = device.find("attributes");
  Json::Object attributes = present ? present->members() : Json::Object();
  for (auto const& change : options.attributes) {
    size_t const equals = change.find('=');
    if (equals == 0) return invalid("'" + change + "' is not name=value");
    if (equals == std::string::npos)
      attributes.erase(change);
    else
      attributes.insert_or_assign(change.substr(0, equals), Json(change.substr(equals + 1)));
  }
  return Json(std::move(attributes));
}

auto tag(Context& context, Options const& options) -> Result<> {
  if (options.tags.empty() && options.removed.empty() && options.attributes.empty())
    return usage(context, "name tags to add, --remove TAG or --attribute NAME=VALUE");
  TRY(auto const api, Api::connect(context));
  TRY(auto const before, api.get_tagged(device_path(options.device)));
  auto change = Json::object();
  if (!options.tags.empty() || !options.removed.empty())
    change.set("tags", changed_tags(before.json, options));
  if (!options.attributes.empty()) {
    TRY(auto attributes, changed_attributes(before.json, options));
    change.set("attributes", std::move(attributes));
  }
  TRY(auto const device, api.patch(device_path(options.device), change, before.etag));
  print_object(context, device, device_table(device, now_s()), options.device);
  return {};
}

auto revoke(Context& context, Options const& options) -> Result<> {
  TRY_VOID(confirm_by_name(
      context,
      "revoke the device " + options.device + ", for good: its certificate is refused from now on",
      options.device));
  TRY(auto const api, Api::connect(context));
  TRY_VOID(api.remove(device_path(options.device)));
  say(context, options.device + " is revoked");
  return {};
}

}  // namespace

void add_device_commands(CLI::App& app, Context& context) {
  auto* devices = group(app, "device", "Devices of the fleet");
  auto const options = std::make_shared<Options>();
  auto const add = [&](char const* name, char const* description, auto function) {
    auto* command = devices->add_subcommand(name, description);
    does(command, context, [&context, options, function] { return function(context, *options); });
    return command;
  };
  auto const limit = [&](CLI::App* command) {
    command->add_option("--limit", options->limit, "at most so many (default: all)")
        ->type_name("N");
  };

  auto* command = add("list", "List devices", list);
  command->add_option("FIQL", options->query, "a filter, such as 'attribute.site==north'")
      ->type_name("");
  command->add_option("--filter", options->query, "the same")->type_name("FIQL");
  limit(command);

  command = add("show", "Show one device", show);
  argument(command, "DEVICE", options->device, "its id");

  command = add("attempts", "List the updates of a device, newest first", attempts);
  argument(command, "DEVICE", options->device, "its id");
  limit(command);

  command = add("tag", "Change the tags and attributes of a device", tag);
  argument(command, "DEVICE", options->device, "its id");
  command->add_option("TAG", options->tags, "tags to add")->type_name("");
  command->add_option("--remove", options->removed, "a tag to take away; repeat it for more")
      ->allow_extra_args(false)
      ->type_name("TAG");
  command
      ->add_option("--attribute", options->attributes,
                   "set an attribute, or without =VALUE remove it; repeat it for more")
      ->allow_extra_args(false)
      ->type_name("NAME=VALUE");

  command = add("revoke", "Refuse a device from now on", revoke);
  argument(command, "DEVICE", options->device, "its id");
}

}  // namespace godwit::cli
