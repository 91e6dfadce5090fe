#include "server/http/encode.h"

#include <cstdio>
#include <ctime>

namespace godwit::server {
namespace {

template <typename T>
auto or_null(std::optional<T> const& value) -> Json {
  return value ? Json(*value) : Json();
}

auto time_or_null(std::optional<int64_t> const& unix_ms) -> Json {
  return unix_ms ? Json(rfc3339(*unix_ms)) : Json();
}

auto strings(std::vector<std::string> const& values) -> Json {
  Json::Array items;
  for (auto const& value : values) items.emplace_back(value);
  return Json(std::move(items));
}

auto to_json(proto::Requires const& needs) -> Json {
  return Json::object({{"hardware_ids", strings(needs.hardware_ids)},
                       {"arch", needs.arch},
                       {"engine_version", needs.engine_version},
                       {"ram_bytes", needs.ram_bytes},
                       {"flash_bytes", needs.flash_bytes}});
}

auto to_json(proto::GatePolicy const& gate) -> Json {
  return Json::object({{"soak_inferences", gate.soak_inferences},
                       {"accuracy_drop_points_max", or_null(gate.accuracy_drop_points_max)},
                       {"psi_max", or_null(gate.psi_max)},
                       {"latency_p99_us_max", or_null(gate.latency_p99_us_max)},
                       {"error_rate_max", or_null(gate.error_rate_max)}});
}

auto health_json(proto::Health const& health) -> Json {
  Json accuracy;
  if (health.labelled && *health.labelled > 0 && health.correct)
    accuracy = static_cast<double>(*health.correct) / static_cast<double>(*health.labelled);
  Json::Array latency;
  for (auto const& [bucket, count] : health.latency_us.buckets)
    latency.push_back(Json::array({bucket, count}));
  Json::Array outputs;
  for (auto const count : health.outputs) outputs.emplace_back(count);
  return Json::object({{"inferences", health.inferences},
                       {"errors", health.errors},
                       {"accuracy", accuracy},
                       {"labelled", or_null(health.labelled)},
                       {"correct", or_null(health.correct)},
                       {"psi", or_null(health.psi)},
                       {"accuracy_drop_points", or_null(health.accuracy_drop_points)},
                       {"latency_us_p50", health.latency_us.quantile(0.5)},
                       {"latency_us_p99", health.latency_us.quantile(0.99)},
                       {"latency_us", Json(std::move(latency))},
                       {"outputs", Json(std::move(outputs))}});
}

auto to_json(Counts const& counts) -> Json {
  auto json = Json::object();
  for (size_t i = 0; i < counts.size(); ++i)
    if (counts[i] != 0) json.set(proto::kAttemptStates[i], counts[i]);
  return json;
}

auto to_json(Phase const& phase) -> Json {
  return Json::object({{"percent", phase.percent},
                       {"success_percent", phase.success_percent},
                       {"soak_s", phase.soak_s},
                       {"devices", phase.devices},
                       {"state", to_string(phase.state)},
                       {"succeeded", phase.succeeded()},
                       {"failed", phase.failed()},
                       {"active", phase.active()},
                       {"queued", phase.queued()}});
}

auto to_json(AbortRule const& rule) -> Json {
  Json::Array types;
  for (auto const type : rule.failure_types)
    types.emplace_back(kFailureTypes[static_cast<size_t>(type)]);
  return Json::object({{"threshold_percent", rule.threshold_percent},
                       {"min_executed", rule.min_executed},
                       {"failure_types", Json(std::move(types))}});
}

}  // namespace

auto rfc3339(int64_t unix_ms) -> std::string {
  auto millis = unix_ms % 1000;
  if (millis < 0) millis += 1000;
  auto const seconds = static_cast<time_t>((unix_ms - millis) / 1000);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  auto const size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + size, sizeof text - size, ".%03dZ", static_cast<int>(millis));
  return text;
}

auto to_json(Model const& model) -> Json {
  return Json::object({{"name", model.name},
                       {"kind", model.kind},
                       {"deltas_failed", model.deltas_failed},
                       {"created_at", rfc3339(model.created_at_ms)}});
}

auto to_json(Release const& release) -> Json {
  return Json::object({{"model", release.model},
                       {"version", release.version},
                       {"parent", or_null(release.parent)},
                       {"notes", release.notes},
                       {"channel", or_null(release.channel)},
                       {"kind", release.kind},
                       {"yanked", or_null(release.yanked)},
                       {"sha256", release.sha256.hex()},
                       {"size_bytes", release.size_bytes},
                       {"plain_sha256", release.plain_sha256.hex()},
                       {"plain_size_bytes", release.plain_size_bytes},
                       {"encoding", release.encoding},
                       {"release_counter", release.release_counter},
                       {"requires", to_json(release.requires_)},
                       {"gate", to_json(release.gate)},
                       {"created_at", rfc3339(release.created_at_ms)}});
}

/// Of the pair, in whichever format; negative when resumed downloads took more than full releases.
auto saved_bytes(Delta const& delta) -> int64_t {
  return static_cast<int64_t>(delta.downloads * delta.full_size_bytes) -
         static_cast<int64_t>(delta.bytes_received);
}

auto to_json(Delta const& delta) -> Json {
  return Json::object(
      {{"model", delta.model},
       {"from", delta.from},
       {"to", delta.to},
       {"format", delta.format},
       {"state", to_string(delta.state)},
       {"alarm", delta.state == DeltaState::failed},
       {"tries", delta.tries},
       {"failed_at", time_or_null(delta.failed_at_ms)},
       {"next_try_at", time_or_null(delta.next_try_at_ms)},
       {"requested_by", delta.requested_by.empty() ? Json() : Json(delta.requested_by)},
       {"requested_at", time_or_null(delta.requested_at_ms)},
       {"size_bytes", or_null(delta.size_bytes)},
       {"full_size_bytes", delta.full_size_bytes},
       {"reason", delta.reason},
       {"seconds", or_null(delta.seconds)},
       {"mode", delta.mode},
       {"patch_version", delta.patch_version},
       {"patch_ram_bytes", delta.patch_ram_bytes},
       {"devices", delta.devices},
       {"downloads", delta.downloads},
       {"bytes_received", delta.bytes_received},
       {"bytes_saved", saved_bytes(delta)}});
}

auto to_json(Traffic const& traffic) -> Json {
  return Json::object({{"from", traffic.from.empty() ? Json() : Json(traffic.from)},
                       {"to", traffic.version},
                       {"transport", traffic.transport},
                       {"devices", traffic.devices},
                       {"bytes_received", traffic.bytes_received},
                       {"bytes_saved", traffic.bytes_saved}});
}

auto to_json(TagTraffic const& traffic) -> Json {
  return Json::object({{"tag", traffic.tag.empty() ? Json() : Json(traffic.tag)},
                       {"transport", traffic.transport},
                       {"devices", traffic.devices},
                       {"bytes_received", traffic.bytes_received},
                       {"bytes_saved", traffic.bytes_saved}});
}

auto to_json(Attempt const& attempt) -> Json {
  return Json::object({{"device", attempt.device},
                       {"n", attempt.n},
                       {"rollout", attempt.rollout},
                       {"model", attempt.model},
                       {"version", attempt.version},
                       {"from_version", or_null(attempt.from_version)},
                       {"phase", attempt.phase},
                       {"rollback", attempt.rollback},
                       {"state", proto::to_string(attempt.state)},
                       {"percent", attempt.percent},
                       {"code", attempt.code},
                       {"message", attempt.message},
                       {"transport", attempt.transport},
                       {"bytes_received", attempt.bytes_received},
                       {"health", attempt.health ? health_json(*attempt.health) : Json()},
                       {"created_at", rfc3339(attempt.created_at_ms)},
                       {"updated_at", rfc3339(attempt.updated_at_ms)}});
}

auto to_json(Device const& device) -> Json {
  auto attributes = Json::object();
  for (auto const& [name, value] : device.attributes) attributes.set(name, value);
  auto components = Json::object();
  for (auto const& [model, component] : device.components)
    components.set(model, Json::object({{"version", or_null(component.version)},
                                        {"other_version", or_null(component.other_version)}}));
  return Json::object({{"id", device.id},
                       {"hardware_id", device.hardware_id},
                       {"arch", device.arch},
                       {"engine_version", device.engine_version},
                       {"ram_bytes", device.ram_bytes},
                       {"flash_bytes", device.flash_bytes},
                       {"patch_version", device.patch_version},
                       {"patch_ram_bytes", device.patch_ram_bytes},
                       {"patch_steps", device.patch_steps},
                       {"patch_rate_bytes_per_s", device.patch_rate_bytes_per_s},
                       {"tags", strings(device.tags)},
                       {"attributes", attributes},
                       {"online", device.online},
                       {"last_seen_at", time_or_null(device.last_seen_at_ms)},
                       {"enrolled_at", rfc3339(device.enrolled_at_ms)},
                       {"certificate_expires_at", time_or_null(device.certificate_until_ms)},
                       {"components", components},
                       {"attempt", device.attempt ? to_json(*device.attempt) : Json()}});
}

auto to_json(Filter const& filter) -> Json {
  return Json::object({{"name", filter.name},
                       {"query", filter.query},
                       {"created_at", rfc3339(filter.created_at_ms)}});
}

auto to_json(Rollout const& rollout) -> Json {
  Json::Array phases;
  for (auto const& phase : rollout.phases) phases.push_back(to_json(phase));
  return Json::object({{"id", rollout.id},
                       {"name", rollout.name},
                       {"model", rollout.model},
                       {"version", rollout.version},
                       {"filter", rollout.filter},
                       {"state", proto::to_string(rollout.state)},
                       {"status", rollout.status},
                       {"phase", rollout.phase},
                       {"phases", Json(std::move(phases))},
                       {"devices", rollout.devices},
                       {"counts", to_json(rollout.counts)},
                       {"bytes_received", rollout.bytes_received},
                       {"abort", to_json(rollout.abort)},
                       {"in_progress_timeout_s", rollout.in_progress_timeout_s},
                       {"retries", rollout.retries},
                       {"on_failure", kOnFailure[static_cast<size_t>(rollout.on_failure)]},
                       {"created_at", rfc3339(rollout.created_at_ms)},
                       {"started_at", time_or_null(rollout.started_at_ms)},
                       {"ended_at", time_or_null(rollout.ended_at_ms)}});
}

auto to_json(RolloutPlan const& plan) -> Json {
  Json::Array phases;
  for (auto const& phase : plan.phases)
    phases.push_back(Json::object({{"percent", phase.percent}, {"devices", phase.devices}}));
  Json::Array excluded;
  for (auto const& one : plan.excluded)
    excluded.push_back(Json::object({{"device", one.device}, {"reason", one.reason}}));
  return Json::object({{"devices", plan.devices},
                       {"phases", Json(std::move(phases))},
                       {"excluded", Json(std::move(excluded))}});
}

auto to_json(EnrolmentToken const& token) -> Json {
  auto json = Json::object({{"id", token.id},
                            {"note", token.note},
                            {"uses_left", token.uses_left},
                            {"expires_at", rfc3339(token.expires_at_ms)}});
  if (!token.token.empty()) json.set("token", token.token);
  return json;
}

}  // namespace godwit::server
