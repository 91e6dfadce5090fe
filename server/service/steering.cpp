#include "server/service/steering.h"

#include "server/domain/rollout.h"
#include "server/service/core.h"
#include "server/storage/attempts.h"
#include "server/storage/rollouts.h"

namespace godwit::server {
namespace {

constexpr size_t kChunk = 1000;  // attempts changed in one transaction

auto pending(Rollout const& rollout) -> uint64_t {
  uint64_t sum = 0;
  for (auto const& phase : rollout.phases) sum += phase.queued() + phase.active();
  return sum;
}

auto queued_up_to(Rollout const& rollout, uint32_t phase) -> uint64_t {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < phase && i < rollout.phases.size(); ++i)
    sum += rollout.phases[i].queued();
  return sum;
}

auto phases_of(Rollout const& rollout) -> uint32_t {
  return static_cast<uint32_t>(rollout.phases.size());
}

auto phase_status(Rollout const& rollout, uint32_t phase) -> std::string {
  return "phase " + std::to_string(phase) + " of " + std::to_string(rollout.phases.size()) +
         " started: " + std::to_string(rollout.phases[phase - 1].devices) + " devices";
}

void stop(Core const& core, Tx& tx, Rollout const& r, std::string status) {
  if (auto const failure = store::a_failure_of(tx, r.id)) status += "; " + *failure;
  auto const state =
      r.on_failure == OnFailure::rollback ? RolloutState::rolling_back : RolloutState::failed;
  store::set_rollout(tx, r.id, state, status, r.phase, core.now_ms());
  store::set_phase(tx, r.id, r.phase, PhaseState::failed, r.phases[r.phase - 1].reached_at_ms);
}

/// Carries out what the rules decide; the rollout's row comes first, its event before the phase.
void apply(Core const& core, Tx& tx, Rollout const& r, Decision decision) {
  auto const now = core.now_ms();
  switch (decision.kind) {
    case Decision::Kind::wait:
      return;
    case Decision::Kind::reached:
      store::set_rollout(tx, r.id, r.state, decision.status, r.phase, now);
      store::set_phase(tx, r.id, r.phase, PhaseState::running, now);
      return;
    case Decision::Kind::fell_back:
      store::set_rollout(tx, r.id, r.state, decision.status, r.phase, now);
      store::set_phase(tx, r.id, r.phase, PhaseState::running, std::nullopt);
      return;
    case Decision::Kind::start_phase:
      store::set_rollout(tx, r.id, r.state, decision.status, r.phase + 1, now);
      store::set_phase(tx, r.id, r.phase, PhaseState::succeeded, now);
      store::set_phase(tx, r.id, r.phase + 1, PhaseState::running, std::nullopt);
      return;
    case Decision::Kind::succeed:
      store::set_rollout(tx, r.id, RolloutState::succeeded, decision.status, r.phase, now);
      store::set_phase(tx, r.id, r.phase, PhaseState::succeeded, now);
      return;
    case Decision::Kind::stop:
      stop(core, tx, r, std::move(decision.status));
      return;
  }
}

void end_rolling_back(Core const& core, Tx& tx, Rollout const& r) {
  auto const back = r.counts[static_cast<size_t>(AttemptState::rolled_back)];
  auto const status = r.status + "; rolled back: " + std::to_string(back) + " of " +
                      std::to_string(r.devices) + " devices ended on the release before";
  store::set_rollout(tx, r.id, RolloutState::rolled_back, status, r.phase, core.now_ms());
}

struct Step {
  std::optional<Rollout> rollout;  // as it is now; nothing when another transaction holds it
  bool moved = false;
};

/// The rollout's own next step.
auto decide_step(Core& core, int64_t id, WhenHeld when_held) -> Result<Step> {
  return core.database->transact([&](Tx& tx) -> Result<Step> {
    auto rollout = store::lock_rollout(tx, id, when_held == WhenHeld::skip);
    if (!rollout) return Step{};
    auto const rev = rollout->rev;
    if (rollout->state == RolloutState::running || rollout->state == RolloutState::paused) {
      apply(core, tx, *rollout, decide(*rollout, core.now_ms()));
    } else if (pending(*rollout) == 0) {
      if (proto::ended(rollout->state)) store::set_settled(tx, id);
      if (rollout->state == RolloutState::rolling_back && store::left_to_send_back(tx, id) == 0)
        end_rolling_back(core, tx, *rollout);
    }
    rollout = store::find_rollout(tx, id);
    return Step{rollout, rollout->rev != rev};
  });
}

/// Repeats a change of attempts in chunks, each in a transaction under the rollout's lock, while
/// the rollout is in that state.
template <typename Change>
auto in_chunks(Core& core, Rollout const& rollout, WhenHeld when_held, Change const& change)
    -> Result<> {
  for (size_t changed = kChunk; changed == kChunk;) {
    TRY(changed, core.database->transact([&](Tx& tx) -> Result<size_t> {
      auto const now = store::lock_rollout(tx, rollout.id, when_held == WhenHeld::skip);
      if (!now || now->state != rollout.state) return size_t{0};
      return change(tx);
    }));
  }
  return {};
}

auto fill_running(Core& core, Rollout const& r) -> Result<> {
  if (queued_up_to(r, r.phase) == 0) return {};
  auto const now = core.now_ms();
  TRY_VOID(in_chunks(core, r, WhenHeld::skip,
                     [&](Tx& tx) { return store::requeue_failed(tx, r.id, kChunk, now); }));
  TRY(bool const waits, core.database->transact([&](Tx& tx) -> Result<bool> {
    return store::waits_for_deltas(tx, r.id, now);
  }));
  if (waits) return {};
  return in_chunks(core, r, WhenHeld::skip, [&](Tx& tx) {
    return store::notify_queued(tx, r.id, r.phase, /*rollbacks_only=*/false,
                                r.in_progress_timeout_s, kChunk, now);
  });
}

auto withdraw(Core& core, Rollout const& r, bool keep_rollbacks, WhenHeld when_held) -> Result<> {
  if (pending(r) == 0) return {};
  auto const now = core.now_ms();
  TRY_VOID(in_chunks(core, r, when_held, [&](Tx& tx) {
    return store::cancel_queued(tx, r.id, keep_rollbacks, kChunk, now);
  }));
  return in_chunks(core, r, when_held, [&](Tx& tx) {
    return store::cancel_active(tx, r.id, keep_rollbacks, kChunk, now);
  });
}

auto send_fleet_back(Core& core, Rollout const& r) -> Result<> {
  TRY_VOID(withdraw(core, r, /*keep_rollbacks=*/true, WhenHeld::skip));
  auto const now = core.now_ms();
  TRY_VOID(in_chunks(core, r, WhenHeld::skip,
                     [&](Tx& tx) { return store::requeue_failed(tx, r.id, kChunk, now); }));
  TRY_VOID(in_chunks(core, r, WhenHeld::skip,
                     [&](Tx& tx) { return store::send_back(tx, r.id, r.retries, kChunk, now); }));
  return in_chunks(core, r, WhenHeld::skip, [&](Tx& tx) {
    return store::notify_queued(tx, r.id, phases_of(r), /*rollbacks_only=*/true,
                                r.in_progress_timeout_s, kChunk, now);
  });
}

}  // namespace

void start_rollout(Core const& core, Tx& tx, Rollout const& rollout) {
  auto const now = core.now_ms();
  store::set_rollout(tx, rollout.id, RolloutState::running, phase_status(rollout, 1), 1, now);
  store::set_phase(tx, rollout.id, 1, PhaseState::running, std::nullopt);
  store::want_deltas_of_rollout(tx, rollout.id, now + core.config.delta_wait_ms, now);
}

auto advance_rollout(Core& core, int64_t id, WhenHeld when_held) -> Result<> {
  // A phase without devices, or one that is reached at once, lets the next begin in the same pass.
  for (bool moved = true; moved;) {
    TRY(auto const step, decide_step(core, id, when_held));
    if (!step.rollout) return {};
    moved = step.moved;
    if (step.rollout->state == RolloutState::running) {
      TRY_VOID(fill_running(core, *step.rollout));
    } else if (step.rollout->state == RolloutState::rolling_back) {
      TRY_VOID(send_fleet_back(core, *step.rollout));
    } else if (proto::ended(step.rollout->state)) {
      TRY_VOID(withdraw(core, *step.rollout, /*keep_rollbacks=*/false, when_held));
    }
  }
  return {};
}

}  // namespace godwit::server
