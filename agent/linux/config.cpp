#include "agent/linux/config.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "agent/linux/file_store.h"
#include "proto/format/container.h"

namespace godwit::agent {
namespace {

constexpr size_t kConfigBytesMax = 64u << 10;
constexpr size_t kDeviceIdMax = 64;
constexpr int64_t kPatchRamBytes = 8 << 20;  // given to a decoder of deltas unless configured
constexpr int64_t kRenewDaysMax = 36'500;
constexpr int64_t kPatchRate = 1 << 20;  // bytes a second that a modest core makes of them

/// The environment's GODWIT_AGENT_<KEY> for a key of the file's top level, as text or as JSON.
void override_by_environment(Json& json) {
  static constexpr std::string_view kTexts[] = {"state_dir",       "device_id",
                                                "server_url",      "server_ca",
                                                "enrolment_token", "enrolment_token_file",
                                                "image_root",      "director_root",
                                                "hardware_id",     "log_level"};
  static constexpr std::string_view kOthers[] = {
      "ram_bytes", "flash_bytes",     "patch_ram_bytes",    "patch_rate_bytes_per_s", "attributes",
      "replay",    "poll_interval_s", "report_interval_ms", "encrypt_at_rest"};
  auto const value_of = [](std::string_view key) -> char const* {
    std::string name = "GODWIT_AGENT_" + std::string(key);
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return std::getenv(name.c_str());
  };
  for (auto const key : kTexts)
    if (auto const* value = value_of(key)) json.set(key, value);
  for (auto const key : kOthers) {
    auto const* value = value_of(key);
    if (!value) continue;
    auto parsed = Json::parse(value);
    json.set(key, parsed ? *std::move(parsed) : Json(value));  // a wrong type is refused later
  }
}

/// The host's name as a device id: what a device id may not hold becomes a dash.
auto host_id() -> Result<std::string> {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return from_errno(errno, "host name");
  std::string id(name.data());
  for (auto& c : id)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'))
      c = '-';
  return id.substr(0, kDeviceIdMax);
}

auto architecture() -> std::string {
  utsname names{};
  ::uname(&names);
  std::string_view const machine = names.machine;
  return machine.starts_with("armv7") ? "armv7" : std::string(machine);
}

auto load_replay(Json const& json, auto const& in_folder)
    -> Result<std::map<ModelName, ReplayConfig>> {
  std::map<ModelName, ReplayConfig> replay;
  for (auto const& [name, source] : json.members()) {
    TRY(auto const model, ModelName::parse(name).within("replay"));
    ReplayConfig one;
    TRY(one.inputs, source.get_string("inputs").within("replay." + name));
    TRY(one.labels, source.get_string_or("labels", "").within("replay." + name));
    TRY(one.interval_ms, source.get_int_or("interval_ms", 0).within("replay." + name));
    if (one.interval_ms < 0) return invalid("replay." + name + ".interval_ms is negative");
    one.inputs = in_folder(one.inputs);
    if (!one.labels.empty()) one.labels = in_folder(one.labels);
    replay.emplace(model, std::move(one));
  }
  return replay;
}

auto load_facts(Json const& json, uint32_t engine_version) -> Result<proto::DeviceFacts> {
  proto::DeviceFacts facts;
  TRY(facts.hardware_id, json.get_string("hardware_id"));
  facts.arch = architecture();
  facts.engine_version = engine_version;
  TRY(auto const ram, json.get_int("ram_bytes"));
  TRY(auto const flash, json.get_int("flash_bytes"));
  if (ram <= 0 || flash <= 0) return invalid("ram_bytes and flash_bytes must be positive");
  facts.ram_bytes = static_cast<uint64_t>(ram);
  facts.flash_bytes = static_cast<uint64_t>(flash);
  facts.patch_version = proto::kContainerVersion;
  facts.patch_steps = proto::kDeltaStepsMax;
  TRY(auto const patch_ram, json.get_int_or("patch_ram_bytes", kPatchRamBytes));
  if (patch_ram < 0) return invalid("patch_ram_bytes is negative");
  facts.patch_ram_bytes = static_cast<uint64_t>(patch_ram);
  TRY(auto const patch_rate, json.get_int_or("patch_rate_bytes_per_s", kPatchRate));
  if (patch_rate < 0) return invalid("patch_rate_bytes_per_s is negative");
  facts.patch_rate_bytes_per_s = static_cast<uint64_t>(patch_rate);
  return facts;
}

auto read_config(Json const& json, std::string const& folder, uint32_t engine_version)
    -> Result<AgentConfig> {
  auto const in_folder = [&](std::string const& path) {
    return path.empty() || path.front() == '/' ? path : folder + "/" + path;
  };
  TRY(auto id, json.get_string_or("device_id", ""));
  if (id.empty()) {
    TRY(id, host_id());
  }
  TRY(auto device, DeviceId::parse(id).within("device_id"));
  TRY(auto facts, load_facts(json, engine_version));
  AgentConfig config{.device = std::move(device), .facts = std::move(facts)};
  TRY(config.state_dir, json.get_string("state_dir"));
  TRY(config.server_url, json.get_string("server_url"));
  TRY(config.server_ca, json.get_string("server_ca"));
  TRY(config.enrolment_token, json.get_string_or("enrolment_token", ""));
  TRY(config.enrolment_token_file, json.get_string_or("enrolment_token_file", ""));
  TRY(config.image_root, json.get_string("image_root"));
  TRY(config.director_root, json.get_string("director_root"));
  for (auto* path : {&config.state_dir, &config.server_ca, &config.enrolment_token_file,
                     &config.image_root, &config.director_root})
    *path = in_folder(*path);
  config.attributes = json.find("attributes") ? *json.find("attributes") : Json::object();
  if (!config.attributes.is_object()) return invalid("attributes must be an object");
  if (auto const* replay = json.find("replay")) {
    TRY(config.replay, load_replay(*replay, in_folder));
  }
  TRY(auto const poll_s, json.get_int_or("poll_interval_s", 1800));
  TRY(config.report_interval_ms, json.get_int_or("report_interval_ms", 500));
  if (poll_s < 1 || poll_s > 30 * 86400 || config.report_interval_ms < 0)
    return invalid("poll_interval_s is 1 s to 30 days, report_interval_ms at least 0");
  if (json.find("renew_certificate_days")) {
    TRY(auto const days, json.get_int("renew_certificate_days"));
    if (days < 1 || days > kRenewDaysMax) return invalid("renew_certificate_days is 1 to 36500");
    config.renew_certificate_s = days * 86400;
  }
  config.poll_interval_ms = poll_s * 1000;
  TRY(config.encrypt_at_rest, json.get_bool_or("encrypt_at_rest", true));
  TRY(auto const level, json.get_string_or("log_level", "info"));
  TRY(config.log_level, parse_log_level(level));
  return config;
}

}  // namespace

auto load_config(std::string const& path, uint32_t engine_version) -> Result<AgentConfig> {
  TRY(auto const text, read_file(path, kConfigBytesMax));
  TRY(auto json, Json::parse(text).within(path));
  if (!json.is_object()) return invalid(path + ": not a JSON object");
  override_by_environment(json);
  auto const slash = path.find_last_of('/');
  return read_config(json, slash == std::string::npos ? "." : path.substr(0, slash), engine_version)
      .within(path);
}

}  // namespace godwit::agent
