// The phases of an attempt on the device and every legal move between them, as a table that the
// compiler checks (docs/agent.md). Nothing else in the updater changes the phase.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "proto/wire/states.h"

namespace godwit::agent {

enum class Phase : uint8_t {
  idle,         // no attempt, or the last one's end is acknowledged
  checking,     // metadata of both repositories, requirements, floor; what must be fetched
  downloading,  // the sealed artifact, in ranges, into one file
  verifying,    // its hash; open, decompress or patch; the plaintext's hash; the engine's check
  installing,   // into the slot that does not run
  testing,      // golden outputs, in a child process
  trial,        // it runs, and is measured
  confirming,   // it passed: keep it
  reverting,    // it did not: bring back what ran before
  ended,        // the end is being reported
};
constexpr std::array<std::string_view, 10> kPhases = {
    "idle",    "checking", "downloading", "verifying", "installing",
    "testing", "trial",    "confirming",  "reverting", "ended"};

enum class Event : uint8_t {
  offered,    // the Director assigned a new attempt
  asked,      // the server asks again about an attempt that has ended
  fetch,      // an artifact must be downloaded
  in_slot,    // a slot holds the release already
  done,       // the phase did its work
  fell_back,  // another download is needed: the full release for a delta, or a damaged file again
  refused,    // the attempt ends here, nothing was changed
  failed,     // the attempt ends, and what was changed is taken back
  restart,    // power was lost, or the assignment may have changed
  acknowledged,
};
constexpr size_t kEventCount = 10;

struct Edge {
  Phase from;
  Event on;
  Phase to;
};

// clang-format off
constexpr std::array kEdges = {
    Edge{Phase::idle,        Event::offered,      Phase::checking},
    Edge{Phase::idle,        Event::asked,        Phase::ended},
    Edge{Phase::idle,        Event::restart,      Phase::idle},
    Edge{Phase::checking,    Event::offered,      Phase::checking},
    Edge{Phase::checking,    Event::fetch,        Phase::downloading},
    Edge{Phase::checking,    Event::in_slot,      Phase::installing},
    Edge{Phase::checking,    Event::refused,      Phase::ended},
    Edge{Phase::checking,    Event::restart,      Phase::checking},
    Edge{Phase::downloading, Event::done,         Phase::verifying},
    Edge{Phase::downloading, Event::fell_back,    Phase::downloading},
    Edge{Phase::downloading, Event::refused,      Phase::ended},
    Edge{Phase::downloading, Event::restart,      Phase::checking},
    Edge{Phase::verifying,   Event::done,         Phase::installing},
    Edge{Phase::verifying,   Event::fell_back,    Phase::downloading},
    Edge{Phase::verifying,   Event::refused,      Phase::ended},
    Edge{Phase::verifying,   Event::restart,      Phase::checking},
    Edge{Phase::installing,  Event::done,         Phase::testing},
    Edge{Phase::installing,  Event::failed,       Phase::reverting},
    Edge{Phase::installing,  Event::restart,      Phase::checking},
    Edge{Phase::testing,     Event::done,         Phase::trial},
    Edge{Phase::testing,     Event::failed,       Phase::reverting},
    Edge{Phase::testing,     Event::restart,      Phase::testing},
    Edge{Phase::trial,       Event::done,         Phase::confirming},
    Edge{Phase::trial,       Event::failed,       Phase::reverting},
    Edge{Phase::trial,       Event::restart,      Phase::trial},
    Edge{Phase::confirming,  Event::done,         Phase::ended},
    Edge{Phase::confirming,  Event::restart,      Phase::confirming},
    Edge{Phase::reverting,   Event::done,         Phase::ended},
    Edge{Phase::reverting,   Event::restart,      Phase::reverting},
    Edge{Phase::ended,       Event::acknowledged, Phase::idle},
    Edge{Phase::ended,       Event::asked,        Phase::ended},
    Edge{Phase::ended,       Event::offered,      Phase::checking},
    Edge{Phase::ended,       Event::restart,      Phase::ended},
};
// clang-format on

/// Where an event leads; nothing for an illegal move.
constexpr auto next(Phase from, Event on) -> std::optional<Phase> {
  for (auto const& edge : kEdges)
    if (edge.from == from && edge.on == on) return edge.to;
  return std::nullopt;
}

constexpr auto to_string(Phase phase) -> std::string_view {
  return kPhases[static_cast<size_t>(phase)];
}
constexpr auto parse_phase(std::string_view text) -> std::optional<Phase> {
  for (size_t i = 0; i < kPhases.size(); ++i)
    if (kPhases[i] == text) return static_cast<Phase>(i);
  return std::nullopt;
}

/// What the server is told while an attempt is in a phase; nothing where it hears only of the next
/// one (checking), of the phase before (reverting), or of the outcome (ended).
constexpr auto reported_as(Phase phase) -> std::optional<proto::AttemptState> {
  switch (phase) {
    case Phase::downloading:
      return proto::AttemptState::downloading;
    case Phase::verifying:
      return proto::AttemptState::verifying;
    case Phase::installing:
    case Phase::testing:
      return proto::AttemptState::installing;
    case Phase::trial:
    case Phase::confirming:
      return proto::AttemptState::trial;
    default:
      return std::nullopt;
  }
}

constexpr auto active(Phase phase) -> bool {
  return phase != Phase::idle && phase != Phase::ended;
}
/// An attempt can be cancelled, or be replaced by another, until the slots are written.
constexpr auto cancellable(Phase phase) -> bool {
  return phase == Phase::checking || phase == Phase::downloading || phase == Phase::verifying;
}

namespace proof {

constexpr auto each_phase(auto holds) -> bool {
  for (size_t i = 0; i < kPhases.size(); ++i)
    if (!holds(static_cast<Phase>(i))) return false;
  return true;
}

constexpr auto unambiguous() -> bool {
  for (size_t i = 0; i < kEdges.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (kEdges[i].from == kEdges[j].from && kEdges[i].on == kEdges[j].on) return false;
  return true;
}

/// Whether moves lead from one phase to another, along edges that `may` allows.
constexpr auto reaches(Phase from, Phase to, auto may) -> bool {
  std::array<bool, kPhases.size()> seen{};
  seen[static_cast<size_t>(from)] = true;
  for (size_t round = 0; round < kPhases.size(); ++round)
    for (auto const& edge : kEdges)
      if (seen[static_cast<size_t>(edge.from)] && may(edge))
        seen[static_cast<size_t>(edge.to)] = true;
  return seen[static_cast<size_t>(to)];
}

constexpr auto any = [](Edge const&) { return true; };
constexpr auto survives_power_cut = [](Phase phase) {
  return next(phase, Event::restart).has_value();
};
constexpr auto is_reached = [](Phase phase) { return reaches(Phase::idle, phase, any); };
constexpr auto comes_to_rest = [](Phase phase) { return reaches(phase, Phase::idle, any); };
/// Every working phase but the two that only repeat until they succeed can end without success.
constexpr auto can_give_up = [](Phase phase) {
  if (!active(phase) || phase == Phase::confirming || phase == Phase::reverting) return true;
  return next(phase, Event::refused).has_value() != next(phase, Event::failed).has_value();
};

static_assert(unambiguous());
static_assert(each_phase(survives_power_cut));
static_assert(each_phase(is_reached));
static_assert(each_phase(comes_to_rest));
static_assert(each_phase(can_give_up));
// What was written is never left behind: from `installing` on, an end without success goes through
// `reverting`; and success only through `testing`, `trial` and `confirming`.
static_assert(!reaches(Phase::installing, Phase::ended, [](Edge const& edge) {
  return edge.to != Phase::reverting && edge.to != Phase::confirming && edge.to != Phase::checking;
}));
static_assert(!reaches(Phase::idle, Phase::confirming,
                       [](Edge const& edge) { return edge.to != Phase::testing; }));
static_assert(!reaches(Phase::idle, Phase::confirming,
                       [](Edge const& edge) { return edge.to != Phase::trial; }));
// A verdict is final: what is being kept is not taken back, nor the other way round.
static_assert(!reaches(Phase::confirming, Phase::reverting,
                       [](Edge const& edge) { return edge.from != Phase::ended; }));
static_assert(!reaches(Phase::reverting, Phase::confirming,
                       [](Edge const& edge) { return edge.from != Phase::ended; }));

}  // namespace proof
}  // namespace godwit::agent
