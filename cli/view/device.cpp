#include "cli/view/device.h"

#include <cstdio>

#include "cli/core/format.h"
#include "cli/view/fields.h"

namespace godwit::cli {
namespace {

using enum Table::Align;

auto online_cell(Json const& device) -> Cell {
  auto const* online = device.find("online");
  bool const yes = online && online->as_bool().value_or(false);
  return yes ? Cell("online", Style::good, "●") : Cell("offline", Style::faint, "○");
}

/// "ic 1.1.0, vww 2.0.0": what the device runs.
auto running(Json const& device) -> std::string {
  auto const* components = device.find("components");
  std::string out;
  if (components)
    for (auto const& [model, component] : components->members())
      out += (out.empty() ? "" : ", ") + model + " " + text(component, "version");
  return out.empty() ? "-" : out;
}

auto attempt_cell(Json const& device) -> Cell {
  auto const* attempt = device.find("attempt");
  return attempt && attempt->is_object() ? state_cell(text(*attempt, "state")) : Cell("-");
}

void add_text(std::string& out, std::string const& part) {
  if (!out.empty()) out += ", ";
  out += part;
}

}  // namespace

auto devices_table(Json const& devices, int64_t now_s) -> Table {
  Table table({"DEVICE", "STATE", "RUNS", "ATTEMPT", "HARDWARE", "SEEN", "TAGS"});
  for (Json const& device : devices.items())
    table.add({text(device, "id"), online_cell(device), running(device), attempt_cell(device),
               text(device, "hardware_id"), age_text(device, "last_seen_at", now_s),
               joined(device, "tags")});
  return table;
}

/// What it said of the deltas that it applies: why it is offered those that it is.
static auto decoder_text(Json const& device) -> std::string {
  auto const version = fraction(device, "patch_version");
  if (!version || *version == 0) return "BSDIFF40 alone";
  auto const steps = fraction(device, "patch_steps");
  auto const rate = fraction(device, "patch_rate_bytes_per_s");
  return "BSDIFF40, containers to version " + text(device, "patch_version") + " in " +
         size_text(device, "patch_ram_bytes") +
         (steps && *steps > 1 ? ", " + text(device, "patch_steps") + " in a row" : "") +
         (rate && *rate > 0 ? ", " + size_text(device, "patch_rate_bytes_per_s") + " a second"
                            : "");
}

auto device_table(Json const& device, int64_t now_s) -> Table {
  Table table;
  table.add({"device", text(device, "id")});
  table.add({"state", online_cell(device)});
  table.add({"seen", age_text(device, "last_seen_at", now_s)});
  table.add({"enrolled", text(device, "enrolled_at")});
  table.add({"certificate", "until " + text(device, "certificate_expires_at")});
  table.add({"hardware", text(device, "hardware_id")});
  table.add({"arch", text(device, "arch")});
  table.add({"engine", text(device, "engine_version")});
  table.add({"ram", size_text(device, "ram_bytes")});
  table.add({"flash", size_text(device, "flash_bytes")});
  table.add({"deltas", decoder_text(device)});
  table.add({"tags", joined(device, "tags")});
  table.add({"attributes", joined(device, "attributes")});
  if (auto const* components = device.find("components"))
    for (auto const& [model, component] : components->members())
      table.add({"runs " + model, text(component, "version") + " (other slot " +
                                      text(component, "other_version") + ")"});
  auto const* attempt = device.find("attempt");
  if (!attempt || !attempt->is_object()) return table;
  table.add({"attempt", text(*attempt, "n") + " of rollout " + text(*attempt, "rollout") + ": " +
                            text(*attempt, "model") + " " + version_move(*attempt)});
  table.add({"attempt state", state_cell(text(*attempt, "state"))});
  table.add({"attempt health", health_text(*attempt)});
  return table;
}

auto device_attempts_table(Json const& attempts, int64_t now_s) -> Table {
  Table table({{"N", right},
               {"ROLLOUT", right},
               "MODEL",
               "RELEASE",
               "STATE",
               "VIA",
               {"RECEIVED", right},
               "UPDATED",
               "HEALTH"});
  for (Json const& attempt : attempts.items())
    table.add({text(attempt, "n"), text(attempt, "rollout"), text(attempt, "model"),
               version_move(attempt), state_cell(text(attempt, "state")),
               text(attempt, "transport"), size_text(attempt, "bytes_received"),
               age_text(attempt, "updated_at", now_s), health_text(attempt)});
  return table;
}

auto rollout_attempts_table(Json const& attempts) -> Table {
  Table table({"DEVICE",
               {"PHASE", right},
               "STATE",
               {"PROGRESS", right},
               "RELEASE",
               "VIA",
               {"RECEIVED", right},
               "HEALTH"});
  for (Json const& attempt : attempts.items())
    table.add({text(attempt, "device"), text(attempt, "phase"), state_cell(text(attempt, "state")),
               text(attempt, "percent") + " %", version_move(attempt), text(attempt, "transport"),
               size_text(attempt, "bytes_received"), health_text(attempt)});
  return table;
}

auto version_move(Json const& attempt) -> std::string {
  auto const from = text(attempt, "from_version");
  auto const to = text(attempt, "version");
  return from == "-" ? to : from + " -> " + to;
}

auto health_text(Json const& attempt) -> std::string {
  std::string out;
  auto const* health = attempt.find("health");
  if (health && health->is_object()) {
    if (auto const accuracy = fraction(*health, "accuracy"))
      add_text(out, format_share(*accuracy) + " of " + text(*health, "labelled"));
    else if (number(*health, "inferences") > 0)
      add_text(out, text(*health, "inferences") + " runs");
    if (fraction(*health, "latency_us_p99"))
      add_text(out, "p99 " + format_us(number(*health, "latency_us_p99")));
    if (auto const psi = fraction(*health, "psi")) {
      char value[40];
      std::snprintf(value, sizeof value, "PSI %.3f", *psi);
      add_text(out, value);
    }
    if (number(*health, "errors") > 0) add_text(out, text(*health, "errors") + " errors");
  }
  if (auto const message = text(attempt, "message"); message != "-") add_text(out, message);
  if (auto const code = number(attempt, "code"); code != 0)
    out += (out.empty() ? "code " : " (code ") + std::to_string(code) + (out.empty() ? "" : ")");
  return out.empty() ? "-" : out;
}

}  // namespace godwit::cli
