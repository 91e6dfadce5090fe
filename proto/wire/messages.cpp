#include "proto/wire/messages.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "proto/base/limits.h"
#include "proto/base/utf8.h"
#include "proto/json/json.h"

namespace godwit::proto {
namespace {

constexpr size_t kTextMax = 256;
constexpr size_t kClassesMax = 1024;
constexpr size_t kComponentsMax = 32;

/// A non-negative integer of at most `max`.
auto natural(Json const& json, std::string_view key, uint64_t max = INT64_MAX) -> Result<uint64_t> {
  TRY(auto value, json.get_int(key));
  if (value < 0 || static_cast<uint64_t>(value) > max)
    return invalid("'" + std::string(key) + "' is out of range");
  return static_cast<uint64_t>(value);
}

auto natural_or(Json const& json, std::string_view key, uint64_t other, uint64_t max = INT64_MAX)
    -> Result<uint64_t> {
  if (!json.find(key)) return other;
  return natural(json, key, max);
}

auto text(Json const& json, std::string_view key, size_t size_max = kTextMax)
    -> Result<std::string> {
  TRY(auto value, json.get_string_or(key, ""));
  if (value.size() > size_max) return invalid("'" + std::string(key) + "' is too long");
  return value;
}

auto fraction_or_nothing(Json const& json, std::string_view key) -> Result<std::optional<double>> {
  if (!json.find(key)) return std::optional<double>();
  TRY(auto value, json.get_double(key));
  if (!std::isfinite(value)) return invalid("'" + std::string(key) + "' is not finite");
  return std::optional<double>(value);
}

auto parse_message(std::string_view payload) -> Result<Json> {
  TRY(auto json, Json::parse(payload, {.bytes_max = limits::kDeviceMessageBytesMax}));
  if (!json.is_object()) return invalid("not an object");
  TRY(auto version, json.get_int("v"));
  if (version != 1)
    return invalid("message version " + std::to_string(version) + ", this end speaks 1");
  return json;
}

auto attempt_of(Json const& json) -> Result<AttemptNo> {
  TRY(auto n, natural(json, "attempt", kAttemptNoMax));
  if (n == 0) return invalid("'attempt' is out of range");
  return static_cast<AttemptNo>(n);
}

auto to_json(SlotContent const& slot) -> Json {
  return Json::object({{"version", slot.version}, {"sha256", slot.plain_sha256.hex()}});
}

auto slot_of(Json const& json) -> Result<SlotContent> {
  TRY(auto version_text, json.get_string("version"));
  TRY(auto version, Version::parse(version_text));
  TRY(auto hex, json.get_string("sha256"));
  TRY(auto digest, Sha256::parse(hex));
  return SlotContent{version.str(), digest};
}

auto to_json(ComponentReport const& component) -> Json {
  auto json = Json::object();
  if (component.running) json.set("running", to_json(*component.running));
  if (component.other) json.set("other", to_json(*component.other));
  return json;
}

auto component_of(Json const& json) -> Result<ComponentReport> {
  ComponentReport component;
  if (auto const* slot = json.find("running"); slot && !slot->is_null()) {
    TRY(component.running, slot_of(*slot));
  }
  if (auto const* slot = json.find("other"); slot && !slot->is_null()) {
    TRY(component.other, slot_of(*slot));
  }
  return component;
}

auto histogram_of(Json const& json) -> Result<Histogram> {
  Histogram histogram;
  if (json.size() > 1024) return invalid("too many buckets");
  for (auto const& pair : json.items()) {
    if (pair.items().size() != 2) return invalid("a bucket is [index, count]");
    TRY(auto bucket, pair.items()[0].as_int());
    TRY(auto count, pair.items()[1].as_int());
    if (bucket < 0 || bucket > 1023 || count < 0) return invalid("a bucket is out of range");
    histogram.buckets[static_cast<uint32_t>(bucket)] += static_cast<uint64_t>(count);
  }
  return histogram;
}

}  // namespace

auto to_json(Health const& health) -> Json {
  auto json = Json::object({{"inferences", health.inferences}, {"errors", health.errors}});
  if (health.labelled) json.set("labelled", *health.labelled);
  if (health.correct) json.set("correct", *health.correct);
  if (health.psi) json.set("psi", *health.psi);
  if (health.accuracy_drop_points) json.set("accuracy_drop_points", *health.accuracy_drop_points);
  auto latency = Json::array();
  for (auto const& [bucket, count] : health.latency_us.buckets)
    latency.push_back(Json::array({bucket, count}));
  json.set("latency_us", latency);
  auto outputs = Json::array();
  for (uint64_t count : health.outputs) outputs.push_back(count);
  json.set("outputs", outputs);
  return json;
}

auto parse_health(Json const& json) -> Result<Health> {
  Health health;
  TRY(health.inferences, natural(json, "inferences"));
  TRY(health.errors, natural_or(json, "errors", 0));
  if (json.find("labelled")) {
    TRY(health.labelled, natural(json, "labelled"));
    TRY(health.correct, natural(json, "correct", *health.labelled));
  }
  TRY(health.psi, fraction_or_nothing(json, "psi"));
  TRY(health.accuracy_drop_points, fraction_or_nothing(json, "accuracy_drop_points"));
  if (auto const* latency = json.find("latency_us")) {
    TRY(health.latency_us, histogram_of(*latency));
  }
  if (auto const* outputs = json.find("outputs")) {
    if (outputs->size() > kClassesMax) return invalid("too many output classes");
    for (auto const& item : outputs->items()) {
      TRY(auto count, item.as_int());
      if (count < 0) return invalid("a negative count");
      health.outputs.push_back(static_cast<uint64_t>(count));
    }
  }
  return health;
}

auto Histogram::bucket_of(uint64_t value) -> uint32_t {
  if (value < 16) return static_cast<uint32_t>(value);
  auto const exponent = static_cast<uint32_t>(std::bit_width(value)) - 1;
  return 16 * (exponent - 3) + static_cast<uint32_t>(value >> (exponent - 4)) - 16;
}

auto Histogram::upper_bound(uint32_t bucket) -> uint64_t {
  if (bucket < 16) return bucket;
  uint32_t const exponent = bucket / 16 + 3;
  uint64_t const step = uint64_t{1} << std::min<uint32_t>(exponent - 4, 58);
  return (16 + bucket % 16 + 1) * step - 1;
}

void Histogram::add(uint64_t value) {
  ++buckets[bucket_of(value)];
}

void Histogram::merge(Histogram const& other) {
  for (auto const& [bucket, count] : other.buckets) buckets[bucket] += count;
}

auto Histogram::count() const -> uint64_t {
  uint64_t total = 0;
  for (auto const& [bucket, count] : buckets) total += count;
  return total;
}

auto Histogram::quantile(double q) const -> uint64_t {
  uint64_t const total = count();
  if (total == 0) return 0;
  auto const rank = static_cast<uint64_t>(std::ceil(q * static_cast<double>(total)));
  uint64_t seen = 0;
  for (auto const& [bucket, count] : buckets) {
    seen += count;
    if (seen >= std::max<uint64_t>(rank, 1)) return upper_bound(bucket);
  }
  return upper_bound(buckets.rbegin()->first);
}

auto encode(Hello const& m) -> std::string {
  auto json = Json::object({{"v", 1},
                            {"epoch", m.epoch},
                            {"seq", m.seq},
                            {"agent", m.agent},
                            {"hw", m.facts.hardware_id},
                            {"arch", m.facts.arch},
                            {"engine", m.facts.engine_version},
                            {"ram", m.facts.ram_bytes},
                            {"flash", m.facts.flash_bytes},
                            {"patch", m.facts.patch_version},
                            {"patch_ram", m.facts.patch_ram_bytes},
                            {"patch_steps", m.facts.patch_steps},
                            {"patch_rate", m.facts.patch_rate_bytes_per_s}});
  auto components = Json::object();
  for (auto const& [name, component] : m.components) components.set(name, to_json(component));
  json.set("components", components);
  if (m.attempt) json.set("attempt", *m.attempt);
  return json.dump();
}

auto decode_hello(std::string_view payload) -> Result<Hello> {
  TRY(auto json, parse_message(payload));
  Hello m;
  TRY(m.epoch, natural(json, "epoch"));
  TRY(m.seq, natural(json, "seq"));
  TRY(m.agent, text(json, "agent", 64));
  TRY(m.facts.hardware_id, text(json, "hw", 64));
  TRY(m.facts.arch, text(json, "arch", 32));
  TRY(auto engine, natural_or(json, "engine", 0, UINT32_MAX));
  m.facts.engine_version = static_cast<uint32_t>(engine);
  TRY(m.facts.ram_bytes, natural_or(json, "ram", 0));
  TRY(m.facts.flash_bytes, natural_or(json, "flash", 0));
  TRY(auto patch, natural_or(json, "patch", 0, UINT32_MAX));
  m.facts.patch_version = static_cast<uint32_t>(patch);
  TRY(m.facts.patch_ram_bytes, natural_or(json, "patch_ram", 0));
  TRY(auto patch_steps, natural_or(json, "patch_steps", 1, UINT32_MAX));
  m.facts.patch_steps = std::max(static_cast<uint32_t>(patch_steps), 1u);
  TRY(m.facts.patch_rate_bytes_per_s, natural_or(json, "patch_rate", 0));
  if (auto const* components = json.find("components")) {
    if (components->size() > kComponentsMax) return invalid("too many components");
    for (auto const& [name, value] : components->members()) {
      TRY(auto model, ModelName::parse(name));
      TRY(m.components[model.str()], component_of(value));
    }
  }
  if (json.find("attempt")) {
    TRY(m.attempt, attempt_of(json));
  }
  return m;
}

auto encode(JobReport const& m) -> std::string {
  auto json = Json::object({{"v", 1},
                            {"epoch", m.epoch},
                            {"seq", m.seq},
                            {"attempt", m.attempt},
                            {"rev", m.rev},
                            {"state", to_string(m.state)},
                            {"percent", m.percent},
                            {"code", m.code},
                            {"ext", m.errno_ext},
                            {"message", as_utf8(m.message, kTextMax)},
                            {"transport", m.transport},
                            {"bytes", m.bytes_received}});
  if (m.health) json.set("health", to_json(*m.health));
  if (m.component) json.set("component", to_json(*m.component));
  return json.dump();
}

auto decode_job_report(std::string_view payload) -> Result<JobReport> {
  TRY(auto json, parse_message(payload));
  JobReport m;
  TRY(m.epoch, natural(json, "epoch"));
  TRY(m.seq, natural(json, "seq"));
  TRY(m.attempt, attempt_of(json));
  TRY(auto rev, natural(json, "rev", UINT32_MAX));
  m.rev = static_cast<uint32_t>(rev);
  TRY(auto state_text, json.get_string("state"));
  auto const state = parse_attempt_state(state_text);
  if (!state) return invalid("'state' is unknown");
  m.state = *state;
  TRY(auto percent, natural_or(json, "percent", 0, 100));
  m.percent = static_cast<uint32_t>(percent);
  TRY(auto code, natural_or(json, "code", 0, 99999));
  m.code = static_cast<uint32_t>(code);
  TRY(auto ext, json.get_int_or("ext", 0));
  if (ext < INT32_MIN || ext > INT32_MAX) return invalid("'ext' is out of range");
  m.errno_ext = static_cast<int32_t>(ext);
  TRY(m.message, text(json, "message"));
  TRY(m.transport, text(json, "transport", 16));
  TRY(m.bytes_received, natural_or(json, "bytes", 0));
  if (auto const* health = json.find("health"); health && !health->is_null()) {
    TRY(m.health, parse_health(*health).within("'health'"));
  }
  if (auto const* component = json.find("component"); component && !component->is_null()) {
    TRY(m.component, component_of(*component).within("'component'"));
  }
  return m;
}

auto encode(Presence const& m) -> std::string {
  return Json::object({{"v", 1}, {"epoch", m.epoch}, {"online", m.online}}).dump();
}

auto decode_presence(std::string_view payload) -> Result<Presence> {
  TRY(auto json, parse_message(payload));
  Presence m;
  TRY(m.epoch, natural(json, "epoch"));
  TRY(m.online, json.get_bool("online"));
  return m;
}

auto encode(JobHint const& m) -> std::string {
  return Json::object({{"v", 1},
                       {"attempt", m.attempt},
                       {"rev", m.rev},
                       {"op", m.op},
                       {"component", m.component},
                       {"jitter_ms", m.jitter_ms}})
      .dump();
}

auto decode_job_hint(std::string_view payload) -> Result<JobHint> {
  TRY(auto json, parse_message(payload));
  JobHint m;
  TRY(m.attempt, attempt_of(json));
  TRY(auto rev, natural(json, "rev", UINT32_MAX));
  m.rev = static_cast<uint32_t>(rev);
  TRY(m.op, json.get_string("op"));
  if (m.op != "update" && m.op != "cancel") return invalid("'op' is unknown");
  TRY(auto component, json.get_string("component"));
  TRY(auto model, ModelName::parse(component));
  m.component = model.str();
  TRY(auto jitter, natural_or(json, "jitter_ms", 0, UINT32_MAX));
  m.jitter_ms = static_cast<uint32_t>(jitter);
  return m;
}

auto encode(Ack const& m) -> std::string {
  auto json = Json::object({{"v", 1}, {"epoch", m.epoch}, {"seq", m.seq}});
  if (!m.error.empty()) {
    json.set("err", m.error);
    json.set("cur", m.current);
  }
  return json.dump();
}

auto decode_ack(std::string_view payload) -> Result<Ack> {
  TRY(auto json, parse_message(payload));
  Ack m;
  TRY(m.epoch, natural(json, "epoch"));
  TRY(m.seq, natural(json, "seq"));
  TRY(m.error, text(json, "err", 64));
  TRY(m.current, text(json, "cur", 32));
  return m;
}

}  // namespace godwit::proto
