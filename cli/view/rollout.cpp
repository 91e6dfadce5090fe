#include "cli/view/rollout.h"

#include <algorithm>
#include <charconv>

#include "cli/core/format.h"
#include "cli/core/terminal.h"
#include "cli/view/device.h"
#include "cli/view/fields.h"
#include "proto/wire/states.h"

namespace godwit::cli {
namespace {

using enum Table::Align;

auto phase_text(Json const& rollout) -> std::string {
  auto const* phases = rollout.find("phases");
  return text(rollout, "phase") + "/" + std::to_string(phases ? phases->size() : 0);
}

auto elapsed_text(Json const& rollout, int64_t now_s) -> std::string {
  auto const started = parse_time(text(rollout, "started_at"));
  if (!started) return "not started";
  auto const ended = parse_time(text(rollout, "ended_at"));
  return format_duration(ended.value_or(now_s) - *started);
}

auto heading(Json const& rollout, int64_t now_s, bool color) -> std::string {
  auto const state = state_cell(text(rollout, "state"));
  return styled(printable(text(rollout, "name"), false), Style::strong, color) + "  " +
         styled(printable(state.shown(), false), state.style, color) + "  phase " +
         phase_text(rollout) + "  " + elapsed_text(rollout, now_s) + "  " +
         printable(text(rollout, "model") + " " + text(rollout, "version"), false) + "  rollout " +
         text(rollout, "id");
}

auto phases_table(Json const& rollout) -> Table {
  Table table({{"PHASE", right},
               "STATE",
               {"OF FLEET", right},
               {"SUCCEEDED", right},
               {"ACTIVE", right},
               {"QUEUED", right},
               {"FAILED", right}});
  auto const* phases = rollout.find("phases");
  int n = 0;
  for (Json const& phase : phases ? phases->items() : Json::Array()) {
    table.add(
        {std::to_string(++n), state_cell(text(phase, "state")), text(phase, "percent") + " %",
         text(phase, "succeeded") + "/" + text(phase, "devices"), text(phase, "active"),
         text(phase, "queued"),
         Cell(text(phase, "failed"), number(phase, "failed") > 0 ? Style::bad : Style::plain)});
  }
  return table;
}

/// Attention first: what failed, what moves, what waits, what is done.
auto rank(Json const& attempt) -> int {
  using enum proto::AttemptState;
  auto const state = proto::parse_attempt_state(text(attempt, "state")).value_or(failed);
  if (state == succeeded) return 3;
  if (state == queued || state == cancelled) return 2;
  return proto::ended(state) ? 0 : 1;
}

void append(std::vector<std::string>& lines, std::vector<std::string> more) {
  std::move(more.begin(), more.end(), std::back_inserter(lines));
}

/// "key=value" of a phase.
auto apply_rule(Json& phase, std::string_view rule) -> Result<> {
  size_t const equals = std::min(rule.find('='), rule.size());
  auto const name = rule.substr(0, equals);
  auto const value = rule.substr(std::min(equals + 1, rule.size()));
  if (name == "soak") {
    TRY(auto const seconds, parse_duration(value));
    phase.set("soak_s", seconds);
    return {};
  }
  if (name != "success") return invalid("'" + std::string(rule) + "' is not success= or soak=");
  double percent = 0;
  auto const [end, error] = std::from_chars(value.data(), value.data() + value.size(), percent);
  if (error != std::errc() || end != value.data() + value.size() || !(percent >= 0) ||
      percent > 100)
    return invalid("'" + std::string(value) + "' is not a percentage");
  phase.set("success_percent", percent);
  return {};
}

auto parse_phase(std::string_view spec, PhaseDefaults const& defaults) -> Result<Json> {
  size_t colon = std::min(spec.find(':'), spec.size());
  auto const share = spec.substr(0, colon);
  double percent = 0;
  auto const [end, error] = std::from_chars(share.data(), share.data() + share.size(), percent);
  if (error != std::errc() || end != share.data() + share.size() || !(percent > 0) || percent > 100)
    return invalid("a phase is a percentage of the devices, such as 20 or 20:soak=10m, not '" +
                   std::string(spec) + "'");
  auto phase = Json::object({{"percent", percent}, {"soak_s", defaults.soak_s}});
  if (defaults.success_percent >= 0) phase.set("success_percent", defaults.success_percent);
  while (colon < spec.size()) {
    size_t const next = std::min(spec.find(':', colon + 1), spec.size());
    TRY_VOID(apply_rule(phase, spec.substr(colon + 1, next - colon - 1)));
    colon = next;
  }
  return phase;
}

}  // namespace

auto rollouts_table(Json const& rollouts, int64_t now_s) -> Table {
  Table table({{"ID", right},
               "NAME",
               "RELEASE",
               "STATE",
               "PHASE",
               {"SUCCEEDED", right},
               "CREATED",
               "STATUS"});
  for (Json const& rollout : rollouts.items())
    table.add({text(rollout, "id"), text(rollout, "name"),
               text(rollout, "model") + " " + text(rollout, "version"),
               state_cell(text(rollout, "state")), phase_text(rollout),
               std::to_string(number(rollout, "counts.succeeded")) + "/" + text(rollout, "devices"),
               age_text(rollout, "created_at", now_s), text(rollout, "status")});
  return table;
}

auto rollout_page(Json const& rollout, Json const& attempts, int64_t now_s, bool color,
                  PageSize size) -> std::vector<std::string> {
  auto const fits = [&](std::string const& line) {
    return size.columns_max ? shortened(line, size.columns_max) : line;
  };
  // Only a heading that is not cut can be coloured: a cut would count the colours.
  auto const plain = heading(rollout, now_s, false);
  std::vector<std::string> lines = {
      fits(plain) == plain ? heading(rollout, now_s, color) : fits(plain),
      fits(printable(text(rollout, "status"), false))};
  lines.emplace_back();
  append(lines, phases_table(rollout).lines(color, size.columns_max));
  if (attempts.size() == 0) return lines;
  lines.emplace_back();

  std::vector<Json const*> shown;
  for (Json const& attempt : attempts.items()) shown.push_back(&attempt);
  size_t const room = size.rows_max > lines.size() + 2 ? size.rows_max - lines.size() - 2 : 1;
  size_t hidden = 0;
  if (size.rows_max && shown.size() > room) {
    std::stable_sort(shown.begin(), shown.end(),
                     [](Json const* a, Json const* b) { return rank(*a) < rank(*b); });
    hidden = shown.size() - room;
    shown.resize(room);
  }
  Json rows = Json::array();
  for (Json const* attempt : shown) rows.push_back(*attempt);
  append(lines, rollout_attempts_table(rows).lines(color, size.columns_max));
  if (hidden) lines.push_back("and " + std::to_string(hidden) + " more devices");
  return lines;
}

auto plan_lines(Json const& plan, bool color) -> std::vector<std::string> {
  std::vector<std::string> lines = {text(plan, "devices") + " devices would be updated"};
  Table phases({{"PHASE", right}, {"OF FLEET", right}, {"DEVICES", right}});
  int n = 0;
  if (auto const* list = plan.find("phases"))
    for (Json const& phase : list->items())
      phases.add({std::to_string(++n), text(phase, "percent") + " %", text(phase, "devices")});
  append(lines, phases.lines(color));
  Table excluded({"LEFT OUT", "REASON"});
  if (auto const* list = plan.find("excluded"))
    for (Json const& one : list->items()) excluded.add({text(one, "device"), text(one, "reason")});
  if (excluded.size() == 0) return lines;
  lines.emplace_back();
  append(lines, excluded.lines(color));
  return lines;
}

auto parse_phases(std::vector<std::string> const& percents, PhaseDefaults const& defaults)
    -> Result<Json> {
  Json phases = Json::array();
  double last = 0;
  for (std::string_view const list : percents) {
    for (size_t start = 0; start <= list.size();) {
      size_t const comma = std::min(list.find(',', start), list.size());
      TRY(auto phase, parse_phase(list.substr(start, comma - start), defaults));
      double const percent = *phase.get_double("percent");
      if (percent <= last)
        return invalid("phases are cumulative and must rise: " + plain_number(percent) + " after " +
                       plain_number(last));
      last = percent;
      phases.push_back(std::move(phase));
      start = comma + 1;
    }
  }
  return phases;
}

}  // namespace godwit::cli
