// Attempts as rows. Counters and events follow by the schema's triggers, in the same transaction.
// Whoever changes an attempt holds the device's state row (lock_states) first.
#pragma once

#include "server/storage/db.h"
#include "server/storage/page.h"

namespace godwit::server::store {

/// The columns of an attempt `a`, in the order that read_attempt reads.
#define ATTEMPT_COLUMNS                                                                      \
  "a.device_id, a.n, a.rollout_id, a.model, a.version, a.from_version, a.phase, a.rollback," \
  " a.state, a.rev, a.cancel_requested, a.percent, a.code, a.message, a.transport,"          \
  " a.bytes_received, a.health, to_ms(a.created_at), to_ms(a.updated_at)"
auto read_attempt(Row& row) -> Attempt;
auto read_attempt_state(Row& row) -> AttemptState;
/// Stored by this program, so a document that does not parse is our bug: it is left out.
auto read_health(Row& row) -> std::optional<proto::Health>;

/// Newest first.
auto attempts_of_device(Tx& tx, std::string_view device, PageRequest const& page)
    -> Result<Page<Attempt>>;
/// The newest of each device, in order of device id.
auto attempts_of_rollout(Tx& tx, int64_t rollout, PageRequest const& page) -> Page<Attempt>;
/// What each device did with a release, in all rollouts.
auto attempts_of_release(Tx& tx, std::string_view model, std::string_view version,
                         PageRequest const& page) -> Result<Page<Attempt>>;
/// Those that a device may work on: notified up to trial.
auto attempts_at_device(Tx& tx, std::string_view device) -> std::vector<Attempt>;

/// What reports change in one attempt, and what it was when they were judged.
struct ReportedAttempt {
  Attempt now;
  AttemptState seen_state = AttemptState::queued;
  int32_t ext = 0;
  int transitions = 0;
  bool changed = false;
};
/// Those of (devices[i], numbers[i]) that exist.
auto find_attempts(Tx& tx, std::vector<std::string> const& devices,
                   std::vector<int64_t> const& numbers) -> std::vector<ReportedAttempt>;
/// Compare-and-set of all of them in one statement, on state and rev; how many were as they were
/// seen.
auto apply_reports(Tx& tx, std::vector<ReportedAttempt const*> const& attempts, int64_t now_ms)
    -> size_t;
/// The server's own verdict on an attempt that has not ended; the rev rises.
auto end_attempt(Tx& tx, Attempt const& seen, AttemptState state, uint32_t code,
                 std::string_view message, int64_t now_ms) -> bool;
/// After a hello: attempts that had succeeded count as failed when the device runs another release
/// now. Only while their rollout runs.
void reopen_attempts(Tx& tx, std::string_view device, int64_t now_ms);

/// Planned attempts of a new rollout: device ids with their phase (1-based).
void insert_attempts(Tx& tx, int64_t rollout, std::string_view model, std::string_view version,
                     uint32_t retries, std::vector<std::string> const& devices,
                     std::vector<int64_t> const& phases, int64_t now_ms);

/// What the scheduler does with the attempts of one rollout; each takes at most `limit`, locks the
/// devices' rows itself and answers how many it changed.
/// Queued attempts up to that phase become notified. Nothing queued: 0.
auto notify_queued(Tx& tx, int64_t rollout, uint32_t phase, bool rollbacks_only, uint32_t timeout_s,
                   size_t limit, int64_t now_ms) -> size_t;
/// Failures with tries left get a new attempt, queued.
auto requeue_failed(Tx& tx, int64_t rollout, size_t limit, int64_t now_ms) -> size_t;
/// Of an ended rollout: queued ones are cancelled, failures keep their end.
auto cancel_queued(Tx& tx, int64_t rollout, bool keep_rollbacks, size_t limit, int64_t now_ms)
    -> size_t;
/// Those that no device has answered are cancelled at once, those before `installing` are asked to.
auto cancel_active(Tx& tx, int64_t rollout, bool keep_rollbacks, size_t limit, int64_t now_ms)
    -> size_t;
/// Devices that run the rollout's release and came from another get a queued attempt back to it.
auto send_back(Tx& tx, int64_t rollout, uint32_t retries, size_t limit, int64_t now_ms) -> size_t;
/// How many send_back would still find.
auto left_to_send_back(Tx& tx, int64_t rollout) -> size_t;

auto time_out(Tx& tx, size_t limit, int64_t now_ms) -> size_t;
/// All active attempts of a revoked device are cancelled.
void cancel_of_device(Tx& tx, std::string_view device, int64_t now_ms);

/// Hints that are due: marked as sent (again due after `repeat_ms`), then to be sent.
struct DueHint {
  Attempt attempt;
  uint64_t phase_devices = 0;
};
auto take_due_hints(Tx& tx, int64_t repeat_ms, size_t limit, int64_t now_ms)
    -> std::vector<DueHint>;

}  // namespace godwit::server::store
