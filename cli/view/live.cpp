#include "cli/view/live.h"

#include "cli/core/format.h"
#include "cli/view/device.h"
#include "cli/view/fields.h"
#include "proto/wire/states.h"

namespace godwit::cli {
namespace {

auto state_of(Json const& rollout) -> std::optional<proto::RolloutState> {
  return proto::parse_rollout_state(text(rollout, "state"));
}

/// Attempts of one device: by number, then by time (RFC 3339 in UTC sorts as text).
auto is_older(Json const& attempt, Json const& known) -> bool {
  auto const n = number(attempt, "n");
  auto const known_n = number(known, "n");
  if (n != known_n) return n < known_n;
  return text(attempt, "updated_at") < text(known, "updated_at");
}

auto attempt_line(Json const& attempt) -> std::string {
  auto line = text(attempt, "device") + ": " + state_cell(text(attempt, "state")).shown() + ", " +
              version_move(attempt);
  if (auto const transport = text(attempt, "transport"); transport != "-")
    line += ", " + transport + " " + size_text(attempt, "bytes_received");
  if (auto const health = health_text(attempt); health != "-") line += ", " + health;
  return line;
}

auto rollout_line(Json const& rollout) -> std::string {
  auto const* phases = rollout.find("phases");
  return "rollout " + text(rollout, "id") + " " + text(rollout, "name") + ": " +
         state_cell(text(rollout, "state")).shown() + ", phase " + text(rollout, "phase") + "/" +
         std::to_string(phases ? phases->size() : 0) + ": " + text(rollout, "status");
}

}  // namespace

auto LiveRollout::apply_rollout(Json const& rollout) -> Change {
  auto const state = state_of(rollout);
  if (ended() && !(state && proto::ended(*state))) return {};
  if (known() && rollout == rollout_) return {};
  // The status sentence alone changes with every number in it: it is not worth a line.
  bool const moved = !known() || text(rollout, "state") != text(rollout_, "state") ||
                     text(rollout, "phase") != text(rollout_, "phase");
  rollout_ = rollout;
  return {.news = true, .line = moved ? rollout_line(rollout) : ""};
}

auto LiveRollout::apply_attempt(Json const& attempt) -> Change {
  auto const device = text(attempt, "device");
  auto const [found, is_new] = attempts_.try_emplace(device, attempt);
  if (is_new)
    return {.news = true, .line = text(attempt, "state") == "queued" ? "" : attempt_line(attempt)};
  auto& known = found->second;
  if (attempt == known || is_older(attempt, known)) return {};
  bool const moved =
      text(attempt, "n") != text(known, "n") || text(attempt, "state") != text(known, "state");
  known = attempt;
  return {.news = true, .line = moved ? attempt_line(attempt) : ""};
}

auto LiveRollout::attempts() const -> Json {
  Json out = Json::array();
  for (auto const& [device, attempt] : attempts_) out.push_back(attempt);
  return out;
}

auto LiveRollout::ended() const -> bool {
  auto const state = state_of(rollout_);
  return state && proto::ended(*state);
}

auto LiveRollout::succeeded() const -> bool {
  return state_of(rollout_) == proto::RolloutState::succeeded;
}

}  // namespace godwit::cli
