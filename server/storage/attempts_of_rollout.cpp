// What the scheduler does with many attempts at once: choose, lock the devices' rows in order of
// id, then change what is still as it was chosen.
#include "server/storage/attempts.h"
#include "server/storage/devices.h"

namespace godwit::server::store {
namespace {

/// The device ids in the first column, now locked.
auto lock_devices(Tx& tx, Rows const& rows) -> std::vector<std::string> {
  std::vector<std::string> ids;
  for (size_t i = 0; i < rows.size(); ++i) ids.push_back(rows[i].text());
  if (!ids.empty()) lock_states(tx, ids);
  return ids;
}

/// From what `old` (a common table expression of ended attempts, with the version to go to) holds,
/// inserts the next attempts of the same devices.
#define INSERT_NEXT_ATTEMPTS                                                                 \
  " numbered AS (UPDATE device_state s SET attempt_last = attempt_last + 1 FROM old"         \
  "   WHERE s.device_id = old.device_id RETURNING s.device_id, s.attempt_last)"              \
  " INSERT INTO attempt (device_id, n, rollout_id, phase, model, version, from_version,"     \
  "   rollback, retries_left, created_at, updated_at)"                                       \
  " SELECT old.device_id, m.attempt_last, old.rollout_id, old.phase, old.model, old.target," \
  "   c.version, old.back, old.tries, from_ms($3), from_ms($3)"                              \
  " FROM old JOIN numbered m USING (device_id)"                                              \
  " LEFT JOIN device_component c ON c.device_id = old.device_id AND c.component = old.model"

/// Devices of a rollout (attempt `a`) that run its release and can go back to the one before.
#define CAN_GO_BACK                                                      \
  " FROM attempt a JOIN device_component c ON c.device_id = a.device_id" \
  "   AND c.component = a.model AND c.version = a.version"               \
  " JOIN release r ON r.model = a.model AND r.version = a.from_version"  \
  " JOIN device d ON d.id = a.device_id AND d.revoked_at IS NULL"        \
  " WHERE a.rollout_id = $1 AND NOT a.rollback AND NOT a.superseded AND a.state >= 'succeeded'"

}  // namespace

auto notify_queued(Tx& tx, int64_t rollout, uint32_t phase, bool rollbacks_only, uint32_t timeout_s,
                   size_t limit, int64_t now_ms) -> size_t {
  auto const devices = lock_devices(
      tx, tx.run("SELECT device_id FROM attempt WHERE rollout_id = $1 AND phase <= $2"
                 " AND counted = 'queued' AND state = 'queued' AND (rollback OR NOT $3)"
                 " ORDER BY phase, device_id LIMIT $4",
                 {rollout, phase, rollbacks_only, limit}));
  if (devices.empty()) return 0;
  return tx
      .run(
          "UPDATE attempt SET state = 'notified', transitions = transitions + 1,"
          " deadline = from_ms($3::bigint + $4::bigint * 1000), hint_at = from_ms($3), updated_at "
          "= from_ms($3)"
          " WHERE rollout_id = $1 AND device_id = ANY($2::text[]) AND counted = 'queued'"
          " AND state = 'queued'",
          {rollout, devices, now_ms, int64_t{timeout_s}})
      .affected();
}

auto requeue_failed(Tx& tx, int64_t rollout, size_t limit, int64_t now_ms) -> size_t {
  auto const devices = lock_devices(
      tx, tx.run("SELECT device_id FROM attempt WHERE rollout_id = $1 AND counted = 'queued'"
                 " AND state <> 'queued' LIMIT $2",
                 {rollout, limit}));
  if (devices.empty()) return 0;
  // A device that another rollout has taken meanwhile is not tried again.
  auto const given_up = tx.run(
      "UPDATE attempt a SET retries_left = 0 WHERE rollout_id = $1"
      " AND device_id = ANY($2::text[]) AND counted = 'queued' AND state <> 'queued'"
      " AND EXISTS (SELECT 1 FROM attempt b WHERE b.device_id = a.device_id"
      "   AND b.model = a.model AND b.state < 'succeeded')",
      {rollout, devices});
  auto const again = tx.run(
      "WITH old AS (UPDATE attempt SET superseded = true WHERE rollout_id = $1"
      "   AND device_id = ANY($2::text[]) AND counted = 'queued' AND state <> 'queued'"
      "   RETURNING *, version AS target, rollback AS back, retries_left - 1 AS "
      "tries)," INSERT_NEXT_ATTEMPTS,
      {rollout, devices, now_ms});
  return given_up.affected() + again.affected();
}

auto cancel_queued(Tx& tx, int64_t rollout, bool keep_rollbacks, size_t limit, int64_t now_ms)
    -> size_t {
  auto const devices = lock_devices(
      tx, tx.run("SELECT device_id FROM attempt WHERE rollout_id = $1 AND counted = 'queued'"
                 " AND NOT (rollback AND $2) LIMIT $3",
                 {rollout, keep_rollbacks, limit}));
  if (devices.empty()) return 0;
  return tx
      .run(
          "UPDATE attempt SET retries_left = 0, updated_at = from_ms($4),"
          " message = CASE WHEN state = 'queued' THEN 'the rollout ended' ELSE message END,"
          " state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END"
          " WHERE rollout_id = $1 AND device_id = ANY($2::text[]) AND counted = 'queued'"
          " AND NOT (rollback AND $3)",
          {rollout, devices, keep_rollbacks, now_ms})
      .affected();
}

auto cancel_active(Tx& tx, int64_t rollout, bool keep_rollbacks, size_t limit, int64_t now_ms)
    -> size_t {
  auto const devices = lock_devices(
      tx, tx.run("SELECT device_id FROM attempt WHERE rollout_id = $1 AND state > 'queued'"
                 " AND state < 'installing' AND NOT cancel_requested AND NOT (rollback AND $2)"
                 " LIMIT $3",
                 {rollout, keep_rollbacks, limit}));
  if (devices.empty()) return 0;
  return tx
      .run(
          "UPDATE attempt SET rev = rev + 1, cancel_requested = true, retries_left = 0,"
          " hint_at = from_ms($4), updated_at = from_ms($4),"
          " message = CASE WHEN state < 'downloading' THEN 'the rollout ended' ELSE message END,"
          " state = CASE WHEN state < 'downloading' THEN 'cancelled' ELSE state END"
          " WHERE rollout_id = $1 AND device_id = ANY($2::text[]) AND state > 'queued'"
          " AND state < 'installing' AND NOT cancel_requested AND NOT (rollback AND $3)",
          {rollout, devices, keep_rollbacks, now_ms})
      .affected();
}

auto send_back(Tx& tx, int64_t rollout, uint32_t retries, size_t limit, int64_t now_ms) -> size_t {
  auto const devices = lock_devices(
      tx, tx.run("SELECT a.device_id" CAN_GO_BACK " AND NOT EXISTS (SELECT 1 FROM attempt b"
                 "   WHERE b.device_id = a.device_id AND b.model = a.model"
                 "   AND b.state < 'succeeded') LIMIT $2",
                 {rollout, limit}));
  if (devices.empty()) return 0;
  return tx
      .run(
          "WITH old AS (UPDATE attempt a SET superseded = true, retries_left = 0"
          "   WHERE a.rollout_id = $1 AND a.device_id = ANY($2::text[]) AND NOT a.rollback"
          "   AND NOT a.superseded AND a.state >= 'succeeded' AND NOT EXISTS"
          "   (SELECT 1 FROM attempt b WHERE b.device_id = a.device_id AND b.model = a.model"
          "    AND b.state < 'succeeded')"
          "   RETURNING *, from_version AS target, true AS back, $4::int AS "
          "tries)," INSERT_NEXT_ATTEMPTS,
          {rollout, devices, now_ms, retries})
      .affected();
}

auto left_to_send_back(Tx& tx, int64_t rollout) -> size_t {
  return tx.run("SELECT count(*)" CAN_GO_BACK, {rollout})[0].natural();
}

auto time_out(Tx& tx, size_t limit, int64_t now_ms) -> size_t {
  auto const devices = lock_devices(
      tx, tx.run("SELECT device_id FROM attempt WHERE deadline <= from_ms($1)"
                 " AND state > 'queued' AND state < 'succeeded' ORDER BY deadline LIMIT $2",
                 {now_ms, limit}));
  if (devices.empty()) return 0;
  return tx
      .run(
          "UPDATE attempt SET state = 'timed_out', rev = rev + 1, hint_at = from_ms($1),"
          " message = 'no end in time, last seen ' || state, updated_at = from_ms($1)"
          " WHERE device_id = ANY($2::text[]) AND deadline <= from_ms($1)"
          " AND state > 'queued' AND state < 'succeeded'",
          {now_ms, devices})
      .affected();
}

}  // namespace godwit::server::store
