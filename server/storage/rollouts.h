// Rollouts and their phases as rows; their counters are kept by triggers. Inside a transaction.
#pragma once

#include "server/storage/db.h"
#include "server/storage/page.h"

namespace godwit::server::store {

auto insert_rollout(Tx& tx, Rollout const& rollout, int64_t now_ms) -> int64_t;
auto find_rollout(Tx& tx, int64_t id) -> std::optional<Rollout>;
/// Newest first.
auto list_rollouts(Tx& tx, PageRequest const& page) -> Result<Page<Rollout>>;
/// Those with anything left to do, in order of id.
auto unsettled_rollouts(Tx& tx) -> std::vector<int64_t>;

/// Locks the row, then reads. `skip_locked`: nothing when another server works on it.
auto lock_rollout(Tx& tx, int64_t id, bool skip_locked) -> std::optional<Rollout>;
/// Under the lock: state, status and phase; start and end times follow from them. The rev rises.
void set_rollout(Tx& tx, int64_t id, RolloutState state, std::string_view status, uint32_t phase,
                 int64_t now_ms);
void set_settled(Tx& tx, int64_t id);
void set_phase(Tx& tx, int64_t id, uint32_t phase, PhaseState state,
               std::optional<int64_t> reached_at_ms);

/// The message of an attempt that ended badly, as "device: message"; for the status.
auto a_failure_of(Tx& tx, int64_t id) -> std::optional<std::string>;
/// One plan is made at a time, until the end of the transaction.
void lock_planning(Tx& tx);

}  // namespace godwit::server::store
