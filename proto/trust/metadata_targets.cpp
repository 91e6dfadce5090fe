// Targets' body (TUF specification 4.5) with Godwit's two kinds of `custom`, read and written.
// Fractions are signed as integers in parts per million: canonical JSON holds no floats.
#include <algorithm>
#include <cmath>

#include "proto/base/limits.h"
#include "proto/trust/metadata.h"
#include "proto/trust/metadata_common.h"

namespace godwit::proto {
namespace {

constexpr size_t kTargetsMax = 10000;
constexpr size_t kPathBytesMax = 256;
constexpr size_t kHardwareIdsMax = 64;
constexpr int64_t kAny = INT64_MAX;
constexpr double kMillion = 1e6;
constexpr double kPpmPerPoint = 1e4;  // one percentage point

auto get_hash(Json const& json, std::string_view key) -> Result<Sha256> {
  TRY(auto hex, json.get_string(key));
  return Sha256::parse(hex).within(key);
}

auto get_u64(Json const& json, std::string_view key, uint64_t most) -> Result<uint64_t> {
  TRY(auto value, get_bounded(json, key, 0, static_cast<int64_t>(most)));
  return static_cast<uint64_t>(value);
}

/// An optional limit; absent: none.
auto get_limit(Json const& json, std::string_view key) -> Result<std::optional<int64_t>> {
  if (!json.find(key)) return std::optional<int64_t>();
  TRY(auto value, get_bounded(json, key, 0, kAny));
  return std::optional<int64_t>(value);
}

auto to_ppm(double value, double scale) -> Json {
  // Past the range of what is written exactly, a limit limits nothing.
  return Json(static_cast<int64_t>(std::llround(std::clamp(value * scale, 0.0, 1e15))));
}

auto parse_requires(Json const& json) -> Result<Requires> {
  Requires required;
  Json const* ids = json.find("hardware_ids");
  if (ids && (!ids->is_array() || ids->size() > kHardwareIdsMax))
    return invalid("'hardware_ids' is no list, or too long");
  for (auto const& item : ids ? ids->items() : Json::Array()) {
    TRY(auto id, item.as_string().within("'hardware_ids'"));
    required.hardware_ids.push_back(std::move(id));
  }
  TRY(required.arch, get_short(json, "arch", ""));
  TRY(auto engine, json.get_int_or("engine_version", 0));
  TRY(auto ram, json.get_int_or("ram_bytes", 0));
  TRY(auto flash, json.get_int_or("flash_bytes", 0));
  if (engine < 0 || engine > UINT32_MAX || ram < 0 || flash < 0)
    return invalid("a number is out of range");
  required.engine_version = static_cast<uint32_t>(engine);
  required.ram_bytes = static_cast<uint64_t>(ram);
  required.flash_bytes = static_cast<uint64_t>(flash);
  return required;
}

auto requires_json(Requires const& required) -> Json {
  auto json = Json::object();
  if (!required.hardware_ids.empty()) {
    auto ids = Json::array();
    for (auto const& id : required.hardware_ids) ids.push_back(id);
    json.set("hardware_ids", std::move(ids));
  }
  if (!required.arch.empty()) json.set("arch", required.arch);
  if (required.engine_version) json.set("engine_version", required.engine_version);
  if (required.ram_bytes) json.set("ram_bytes", required.ram_bytes);
  if (required.flash_bytes) json.set("flash_bytes", required.flash_bytes);
  return json;
}

auto parse_gate(Json const& json) -> Result<GatePolicy> {
  GatePolicy gate;
  TRY(auto soak, json.get_int_or("soak_inferences", 0));
  if (soak < 0 || soak > UINT32_MAX) return invalid("'soak_inferences' is out of range");
  gate.soak_inferences = static_cast<uint32_t>(soak);
  TRY(auto drop, get_limit(json, "accuracy_drop_max_ppm"));
  TRY(auto psi, get_limit(json, "psi_max_ppm"));
  TRY(auto latency, get_limit(json, "latency_p99_max_us"));
  TRY(auto errors, get_limit(json, "error_rate_max_ppm"));
  if (drop) gate.accuracy_drop_points_max = static_cast<double>(*drop) / kPpmPerPoint;
  if (psi) gate.psi_max = static_cast<double>(*psi) / kMillion;
  if (latency) gate.latency_p99_us_max = static_cast<uint64_t>(*latency);
  if (errors) gate.error_rate_max = static_cast<double>(*errors) / kMillion;
  return gate;
}

auto gate_json(GatePolicy const& gate) -> Json {
  auto json = Json::object({{"soak_inferences", gate.soak_inferences}});
  if (gate.accuracy_drop_points_max)
    json.set("accuracy_drop_max_ppm", to_ppm(*gate.accuracy_drop_points_max, kPpmPerPoint));
  if (gate.psi_max) json.set("psi_max_ppm", to_ppm(*gate.psi_max, kMillion));
  if (gate.latency_p99_us_max) json.set("latency_p99_max_us", *gate.latency_p99_us_max);
  if (gate.error_rate_max) json.set("error_rate_max_ppm", to_ppm(*gate.error_rate_max, kMillion));
  return json;
}

auto parse_release(Json const& json) -> Result<ReleaseInfo> {
  TRY(auto model_text, json.get_string("model"));
  TRY(auto model, ModelName::parse(model_text));
  TRY(auto version_text, json.get_string("version"));
  TRY(auto version, Version::parse(version_text));
  ReleaseInfo info{.model = std::move(model), .version = std::move(version)};
  TRY(info.kind, json.get_string("kind"));
  TRY(info.encoding, json.get_string("encoding"));
  if (info.kind != "model" && info.kind != "firmware") return invalid("'kind' is unknown");
  if (info.encoding != "zstd" && info.encoding != "none") return invalid("'encoding' is unknown");
  TRY(info.release_counter, get_u64(json, "release_counter", kAny));
  TRY(auto plain, json.get_object("plain"));
  TRY(info.plain_length, get_u64(plain, "length", limits::kArtifactBytesMax).within("'plain'"));
  TRY(info.plain_sha256, get_hash(plain, "sha256").within("'plain'"));
  TRY(auto required, json.get_object("requires"));
  TRY(info.requires_, parse_requires(required).within("'requires'"));
  TRY(auto gate, json.get_object("gate"));
  TRY(info.gate, parse_gate(gate).within("'gate'"));
  return info;
}

auto release_json(ReleaseInfo const& info) -> Json {
  return Json::object({{"model", info.model.str()},
                       {"version", info.version.str()},
                       {"kind", info.kind},
                       {"encoding", info.encoding},
                       {"release_counter", info.release_counter},
                       {"plain", Json::object({{"length", info.plain_length},
                                               {"sha256", info.plain_sha256.hex()}})},
                       {"requires", requires_json(info.requires_)},
                       {"gate", gate_json(info.gate)}});
}

auto parse_delta(Json const& json) -> Result<DeltaOffer> {
  DeltaOffer delta;
  TRY(delta.format, json.get_string("format"));
  if (delta.format != "bsdiff" && delta.format != "godwit") return invalid("'format' is unknown");
  TRY(delta.base_plain_sha256, get_hash(json, "base_plain_sha256"));
  TRY(delta.length, get_u64(json, "length", limits::kArtifactBytesMax));
  TRY(delta.sha256, get_hash(json, "sha256"));
  TRY(auto key, json.get_object("key"));
  TRY(delta.key, parse_wrapped_key(key).within("'key'"));
  return delta;
}

/// Each step starts from what the one before made; the last one's result is held against the Image
/// target by who applies it.
auto parse_chain(Json const& json) -> Result<std::vector<DeltaOffer>> {
  if (!json.is_array() || json.size() < 2 || json.size() > kDeltaStepsMax)
    return invalid("2 to " + std::to_string(kDeltaStepsMax) + " steps are a chain");
  std::vector<DeltaOffer> chain;
  for (Json const& step : json.items()) {
    TRY(auto delta, parse_delta(step));
    TRY(delta.plain_sha256, get_hash(step, "plain_sha256"));
    if (!chain.empty() && chain.back().plain_sha256 != delta.base_plain_sha256)
      return invalid("a step that does not start where the one before ends");
    chain.push_back(std::move(delta));
  }
  return chain;
}

auto parse_assignment(Json const& json) -> Result<Assignment> {
  Assignment assignment;
  TRY(auto attempt, get_bounded(json, "attempt", 1, kAttemptNoMax));
  assignment.attempt = static_cast<AttemptNo>(attempt);
  TRY(auto rev, get_bounded(json, "rev", 0, UINT32_MAX));
  assignment.rev = static_cast<uint32_t>(rev);
  TRY(auto key, json.get_object("key"));
  TRY(assignment.key, parse_wrapped_key(key).within("'key'"));
  if (Json const* delta = json.find("delta")) {
    TRY(auto offer, parse_delta(*delta).within("'delta'"));
    assignment.delta = std::move(offer);
  }
  if (Json const* chain = json.find("chain")) {
    TRY(assignment.chain, parse_chain(*chain).within("'chain'"));
    if (assignment.delta) return invalid("a delta and a chain");
  }
  return assignment;
}

auto delta_json(DeltaOffer const& delta) -> Json {
  auto json = Json::object({{"format", delta.format},
                            {"base_plain_sha256", delta.base_plain_sha256.hex()},
                            {"length", delta.length},
                            {"sha256", delta.sha256.hex()},
                            {"key", to_json(delta.key)}});
  if (delta.plain_sha256) json.set("plain_sha256", delta.plain_sha256->hex());
  return json;
}

auto assignment_json(Assignment const& assignment) -> Json {
  auto json = Json::object(
      {{"attempt", assignment.attempt}, {"rev", assignment.rev}, {"key", to_json(assignment.key)}});
  if (assignment.delta) json.set("delta", delta_json(*assignment.delta));
  if (assignment.chain.empty()) return json;
  auto chain = Json::array();
  for (auto const& step : assignment.chain) chain.push_back(delta_json(step));
  json.set("chain", std::move(chain));
  return json;
}

auto parse_target(Json const& json) -> Result<Target> {
  Target target;
  TRY(target.length, get_u64(json, "length", limits::kArtifactBytesMax));
  TRY(auto hashes, json.get_object("hashes"));
  TRY(target.sha256, get_hash(hashes, "sha256").within("'hashes'"));
  Json const* custom = json.find("custom");
  if (!custom) return target;
  if (Json const* release = custom->find("release")) {
    TRY(auto info, parse_release(*release).within("'release'"));
    target.release = std::move(info);
  }
  if (Json const* assignment = custom->find("assignment")) {
    TRY(auto assigned, parse_assignment(*assignment).within("'assignment'"));
    target.assignment = std::move(assigned);
  }
  return target;
}

}  // namespace

auto parse_wrapped_key(Json const& json) -> Result<WrappedKey> {
  WrappedKey key;
  TRY(auto enc, json.get_string("enc"));
  TRY(auto ct, json.get_string("ct"));
  TRY(key.enc, from_base64(enc).within("'enc'"));
  TRY(key.ct, from_base64(ct).within("'ct'"));
  if (key.enc.size() != kWrappedEncBytes || key.ct.size() != kWrappedCtBytes)
    return invalid("a wrapped key of the wrong length");
  return key;
}

auto to_json(WrappedKey const& key) -> Json {
  return Json::object({{"enc", to_base64(key.enc)}, {"ct", to_base64(key.ct)}});
}

auto parse_targets(Json const& body) -> Result<Targets> {
  Targets targets;
  TRY(auto head, parse_head(body, "targets"));
  targets.version = head.version;
  targets.expires_s = head.expires_s;
  if (body.find("device_id")) {
    TRY(auto device_text, body.get_string("device_id"));
    TRY(auto device, DeviceId::parse(device_text));
    targets.device_id = device.str();
    // Uptane: the Director delegates to nobody.
    if (body.find("delegations")) return invalid("a Director's document delegates");
  }
  TRY(auto all, body.get_object("targets"));
  if (all.size() > kTargetsMax) return invalid("'targets' are too many");
  for (auto const& [path, json] : all.members()) {
    if (path.empty() || path.size() > kPathBytesMax) return invalid("a target's path is too long");
    TRY(auto target, parse_target(json).within(path));
    targets.targets.emplace(path, std::move(target));
  }
  return targets;
}

auto to_json(Target const& target) -> Json {
  auto json = Json::object(
      {{"length", target.length}, {"hashes", Json::object({{"sha256", target.sha256.hex()}})}});
  auto custom = Json::object();
  if (target.release) custom.set("release", release_json(*target.release));
  if (target.assignment) custom.set("assignment", assignment_json(*target.assignment));
  if (custom.size()) json.set("custom", std::move(custom));
  return json;
}

auto to_json(Targets const& targets) -> Json {
  auto all = Json::object();
  for (auto const& [path, target] : targets.targets) all.set(path, to_json(target));
  auto body = head_json("targets", targets.version, targets.expires_s);
  if (!targets.device_id.empty()) body.set("device_id", targets.device_id);
  body.set("targets", std::move(all));
  return body;
}

}  // namespace godwit::proto
