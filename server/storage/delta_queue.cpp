#include "server/storage/delta_queue.h"

#include "proto/format/container.h"
#include "server/storage/delta_rows.h"

namespace godwit::server::store {
namespace {

void drop_needless(Tx& tx) {
  tx.run(
      "UPDATE delta d SET state = 'dropped', reason = 'no device needs it any more'"
      " WHERE (model, to_version, from_version, format) IN ("
      "   SELECT model, to_version, from_version, format FROM delta p"
      "   WHERE state = 'pending' AND requested_by = '' AND ((format = 'bsdiff' AND NOT EXISTS"
      "   (SELECT 1 FROM device_component c JOIN device v ON v.id = c.device_id"
      "    WHERE c.component = p.model AND c.version = p.from_version"
      "    AND v.revoked_at IS NULL AND " TAKES_BSDIFF("$1", "$2") "))"
      "   OR (EXISTS (SELECT 1 FROM release t WHERE t.model = p.model"
      "       AND t.version = p.to_version AND t.yanked IS NOT NULL)"
      "     AND NOT EXISTS (SELECT 1 FROM rollout r WHERE r.model = p.model"
      "       AND r.version = p.to_version AND r.ended_at IS NULL)))"
      "   FOR UPDATE SKIP LOCKED)",
      {proto::kContainerVersion, proto::profile_ram_bytes(proto::Profile::weights_large)});
}

auto read_all(Rows const& rows) -> std::vector<Delta> {
  std::vector<Delta> deltas;
  for (size_t i = 0; i < rows.size(); ++i) {
    auto row = rows[i];
    deltas.push_back(read_delta(row));
  }
  return deltas;
}

}  // namespace

auto take_delta(Tx& tx, int64_t now_ms, int64_t lease_ms) -> std::optional<Delta> {
  drop_needless(tx);
  // Our own format first: it is made in a fraction of the time.
  auto taken = read_all(
      tx.run("UPDATE delta d SET state = 'running', tries = tries + 1, not_before = NULL,"
             " lease_until = from_ms($1::bigint + $2::bigint)"
             " WHERE (model, to_version, from_version, format) = ("
             "   SELECT model, to_version, from_version, format FROM delta"
             "   WHERE (state = 'pending' AND (not_before IS NULL OR not_before <= from_ms($1)))"
             "   OR (state = 'running' AND lease_until < from_ms($1))"
             "   ORDER BY devices DESC, created_at, format DESC FOR UPDATE SKIP LOCKED LIMIT 1)"
             " RETURNING " DELTA_COLUMNS,
             {now_ms, lease_ms}));
  if (taken.empty()) return std::nullopt;
  return std::move(taken.front());
}

auto renew_lease(Tx& tx, Delta const& taken, int64_t now_ms, int64_t lease_ms) -> bool {
  auto const& d = taken;
  return tx.run(
               "UPDATE delta SET lease_until = from_ms($6::bigint + $7::bigint)"
               " WHERE model = $1 AND to_version = $2 AND from_version = $3 AND format = $4"
               " AND state = 'running' AND tries = $5",
               {d.model, d.to, d.from, d.format, d.tries, now_ms, lease_ms})
             .affected() > 0;
}

auto finish_delta(Tx& tx, Delta const& taken, int64_t now_ms) -> bool {
  auto const& d = taken;
  return tx.run(
               "UPDATE delta SET state = $6::delta_state, lease_until = NULL, size = $7,"
               " reason = $8, seconds = $9, sha256 = $10, key_enc = $11, key_ct = $12,"
               " patch_version = $13, patch_ram = $14, mode = $15, used_at = from_ms($16),"
               " failed_at = from_ms($17), not_before = from_ms($18)"
               " WHERE model = $1 AND to_version = $2 AND from_version = $3 AND format = $4"
               " AND state = 'running' AND tries = $5",
               {d.model, d.to, d.from, d.format, d.tries, to_string(d.state), d.size_bytes,
                d.reason, d.seconds, d.sha256, d.key ? std::optional(d.key->enc) : std::nullopt,
                d.key ? std::optional(d.key->ct) : std::nullopt, d.patch_version, d.patch_ram_bytes,
                d.mode, now_ms, d.failed_at_ms, d.next_try_at_ms})
             .affected() > 0;
}

auto fail_abandoned_deltas(Tx& tx, int tries_max, int64_t now_ms) -> std::vector<Delta> {
  return read_all(
      tx.run("UPDATE delta d SET state = 'failed', lease_until = NULL, failed_at = from_ms($1),"
             " reason = 'the server ended while making it, ' || tries || ' times'"
             " WHERE (model, to_version, from_version, format) IN ("
             "   SELECT model, to_version, from_version, format FROM delta WHERE state = 'running'"
             "   AND lease_until < from_ms($1) AND tries >= $2 FOR UPDATE SKIP LOCKED)"
             " RETURNING " DELTA_COLUMNS,
             {now_ms, tries_max}));
}

auto request_delta(Tx& tx, Delta const& wanted, int64_t now_ms) -> size_t {
  auto const& d = wanted;
  return tx
      .run(
          "INSERT INTO delta AS old (model, from_version, to_version, format, full_size, devices,"
          " created_at, requested_by, requested_at)"
          " SELECT t.model, $2, t.version, wanted.format, t.size, (SELECT count(*)"
          "   FROM device_component WHERE component = $1 AND version = $2), from_ms($6), $5,"
          "   from_ms($6)"
          " FROM release t CROSS JOIN (SELECT $4::text AS format WHERE $4 <> ''"
          "   UNION SELECT format FROM delta WHERE $4 = '' AND model = $1 AND from_version = $2"
          "     AND to_version = $3"
          "   UNION SELECT 'godwit' WHERE $4 = '' AND NOT EXISTS (SELECT 1 FROM delta"
          "     WHERE model = $1 AND from_version = $2 AND to_version = $3)) AS wanted"
          " WHERE t.model = $1 AND t.version = $3 ORDER BY 1, 2, 3, 4"
          " ON CONFLICT (model, to_version, from_version, format) DO UPDATE SET state = 'pending',"
          " tries = 0, not_before = NULL, reason = '', devices = excluded.devices,"
          " created_at = excluded.created_at, requested_by = excluded.requested_by,"
          " requested_at = excluded.requested_at"
          " WHERE old.state IN ('failed', 'rejected', 'dropped')",
          {d.model, d.from, d.to, d.format, d.requested_by, now_ms})
      .affected();
}

void tell_rollouts(Tx& tx, Delta const& delta, std::string const& text, int64_t now_ms) {
  // The clock of events is taken by one row: in order of rollouts, as everybody does.
  tx.run(
      "INSERT INTO event (number, at, rollout_id, state, text, phase)"
      " SELECT next_event(1) + 1, from_ms($3), id, state::text, $4, phase FROM rollout"
      " WHERE model = $1 AND version = $2 AND ended_at IS NULL ORDER BY id",
      {delta.model, delta.to, now_ms, text});
  tx.run("SELECT pg_notify('godwit_events', '')");
}

}  // namespace godwit::server::store
