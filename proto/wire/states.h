// The states of attempts and rollouts, by the names that stand in messages, REST bodies and the
// database, and the moves between them that are legal (docs/device-protocol.md).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace godwit::proto {

enum class AttemptState : uint8_t {
  queued,
  notified,
  deferred,
  downloading,
  verifying,
  installing,
  trial,
  succeeded,
  failed,
  rejected,
  timed_out,
  rolled_back,
  cancelled,
};
constexpr std::array<std::string_view, 13> kAttemptStates = {
    "queued",    "notified", "deferred", "downloading", "verifying",   "installing", "trial",
    "succeeded", "failed",   "rejected", "timed_out",   "rolled_back", "cancelled"};

enum class RolloutState : uint8_t {
  draft,
  awaiting_approval,
  scheduled,
  running,
  paused,
  succeeded,
  failed,
  rolling_back,
  rolled_back,
  cancelled,
};
constexpr std::array<std::string_view, 10> kRolloutStates = {
    "draft",  "awaiting_approval", "scheduled",   "running",  "paused", "succeeded",
    "failed", "rolling_back",      "rolled_back", "cancelled"};

constexpr auto to_string(AttemptState state) -> std::string_view {
  return kAttemptStates[static_cast<size_t>(state)];
}
constexpr auto to_string(RolloutState state) -> std::string_view {
  return kRolloutStates[static_cast<size_t>(state)];
}

constexpr auto parse_attempt_state(std::string_view text) -> std::optional<AttemptState> {
  for (size_t i = 0; i < kAttemptStates.size(); ++i)
    if (kAttemptStates[i] == text) return static_cast<AttemptState>(i);
  return std::nullopt;
}
constexpr auto parse_rollout_state(std::string_view text) -> std::optional<RolloutState> {
  for (size_t i = 0; i < kRolloutStates.size(); ++i)
    if (kRolloutStates[i] == text) return static_cast<RolloutState>(i);
  return std::nullopt;
}

/// An ended attempt takes no further report, except that `succeeded` can reopen.
constexpr auto ended(AttemptState state) -> bool {
  return state >= AttemptState::succeeded;
}
constexpr auto ended(RolloutState state) -> bool {
  return state == RolloutState::succeeded || state == RolloutState::failed ||
         state == RolloutState::rolled_back || state == RolloutState::cancelled;
}

/// Whether a device's report may move an attempt so. Forward jumps are legal (a report may be lost,
/// or a device that holds the release in its other slot skips the download); backward ones only out
/// of `deferred` or by a device that starts the same attempt again after a power cut, before
/// `trial`.
constexpr auto report_may_move(AttemptState from, AttemptState to) -> bool {
  if (ended(from)) return false;
  if (to == AttemptState::queued || to == AttemptState::notified) return false;
  if (to == AttemptState::timed_out) return false;  // the server's own verdict
  if (from == AttemptState::trial)
    return to == AttemptState::trial || to == AttemptState::succeeded ||
           to == AttemptState::rolled_back || to == AttemptState::failed;
  if (to == AttemptState::rejected) return from <= AttemptState::downloading;
  return true;
}

}  // namespace godwit::proto
