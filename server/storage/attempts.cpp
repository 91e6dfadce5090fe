#include "server/storage/attempts.h"

#include "server/storage/page.h"

namespace godwit::server::store {

auto read_attempt_state(Row& row) -> AttemptState {
  auto const state = proto::parse_attempt_state(row.text());
  CHECK(state.has_value());  // the schema has the same names
  return *state;
}

auto read_health(Row& row) -> std::optional<proto::Health> {
  auto const text = row.text_or_null();
  if (!text) return std::nullopt;
  auto const json = Json::parse(*text);
  if (!json) return std::nullopt;
  auto health = proto::parse_health(*json);
  return health ? std::optional(*std::move(health)) : std::nullopt;
}

auto read_attempt(Row& row) -> Attempt {
  Attempt a;
  a.device = row.text();
  a.n = row.natural32();
  a.rollout = row.number();
  a.model = row.text();
  a.version = row.text();
  a.from_version = row.text_or_null();
  a.phase = row.natural32();
  a.rollback = row.flag();
  a.state = read_attempt_state(row);
  a.rev = row.natural32();
  a.cancel_requested = row.flag();
  a.percent = row.natural32();
  a.code = row.natural32();
  a.message = row.text();
  a.transport = row.text();
  a.bytes_received = row.natural();
  a.health = read_health(row);
  a.created_at_ms = row.number();
  a.updated_at_ms = row.number();
  return a;
}

auto find_attempt(Tx& tx, std::string_view device, AttemptNo n) -> std::optional<Attempt> {
  auto const rows = tx.run(
      "SELECT " ATTEMPT_COLUMNS " FROM attempt a WHERE device_id = $1 AND n = $2", {device, n});
  if (rows.empty()) return std::nullopt;
  auto row = rows[0];
  return read_attempt(row);
}

auto attempts_of_device(Tx& tx, std::string_view device, PageRequest const& page)
    -> Result<Page<Attempt>> {
  TRY(auto const before, number_cursor(page, INT64_MAX));
  auto const limit = page_limit(page);
  auto const rows =
      tx.run("SELECT " ATTEMPT_COLUMNS
             " FROM attempt a WHERE device_id = $1 AND n < $2::bigint ORDER BY n DESC LIMIT $3",
             {device, before, limit + 1});
  return read_page<Attempt>(rows, limit, read_attempt,
                            [](Attempt const& a) { return std::to_string(a.n); });
}

auto attempts_of_rollout(Tx& tx, int64_t rollout, PageRequest const& page) -> Page<Attempt> {
  auto const limit = page_limit(page);
  auto const rows = tx.run("SELECT " ATTEMPT_COLUMNS
                           " FROM attempt a WHERE rollout_id = $1 AND device_id > $2"
                           " AND NOT superseded ORDER BY device_id LIMIT $3",
                           {rollout, page.cursor, limit + 1});
  return read_page<Attempt>(rows, limit, read_attempt, [](Attempt const& a) { return a.device; });
}

auto attempts_at_device(Tx& tx, std::string_view device) -> std::vector<Attempt> {
  auto const rows = tx.run("SELECT " ATTEMPT_COLUMNS
                           " FROM attempt a WHERE device_id = $1 AND state < 'succeeded'"
                           " AND state > 'queued' ORDER BY n",
                           {device});
  std::vector<Attempt> attempts;
  for (size_t i = 0; i < rows.size(); ++i) {
    auto row = rows[i];
    attempts.push_back(read_attempt(row));
  }
  return attempts;
}

auto apply_report(Tx& tx, Attempt const& seen, proto::JobReport const& report, int64_t now_ms)
    -> bool {
  std::optional<std::string> health;
  if (report.health) health = to_json(*report.health).dump();
  return tx.run(
               "UPDATE attempt SET state = $5::attempt_state, percent = $6, code = $7, ext = $8,"
               " message = $9, transport = CASE WHEN $10 = '' THEN transport ELSE $10 END,"
               " bytes_received = greatest(bytes_received, $11), health = coalesce($12, health),"
               " transitions = transitions + (state <> $5::attempt_state)::int,"
               " hint_at = CASE WHEN $5::attempt_state < 'succeeded' AND cancel_requested"
               "   THEN hint_at END,"
               " updated_at = from_ms($13)"
               " WHERE device_id = $1 AND n = $2 AND state = $3::attempt_state AND rev = $4",
               {seen.device, seen.n, proto::to_string(seen.state), seen.rev,
                proto::to_string(report.state), report.percent, report.code, report.errno_ext,
                report.message, report.transport, report.bytes_received, health, now_ms})
             .affected() > 0;
}

auto transitions_of(Tx& tx, Attempt const& attempt) -> int {
  auto const rows = tx.run("SELECT transitions FROM attempt WHERE device_id = $1 AND n = $2",
                           {attempt.device, attempt.n});
  return rows.empty() ? 0 : static_cast<int>(rows[0].number());
}

auto end_attempt(Tx& tx, Attempt const& seen, AttemptState state, uint32_t code,
                 std::string_view message, int64_t now_ms) -> bool {
  return tx.run(
               "UPDATE attempt SET state = $5::attempt_state, code = $6, message = $7,"
               " rev = rev + 1, hint_at = from_ms($8), updated_at = from_ms($8)"
               " WHERE device_id = $1 AND n = $2 AND state = $3::attempt_state AND rev = $4",
               {seen.device, seen.n, proto::to_string(seen.state), seen.rev,
                proto::to_string(state), code, message, now_ms})
             .affected() > 0;
}

void reopen_attempts(Tx& tx, std::string_view device, int64_t now_ms) {
  tx.run(
      "UPDATE attempt a SET state = 'failed', updated_at = from_ms($2), message ="
      "   'found on ' || coalesce(c.version, 'no release') || ' after it had succeeded'"
      " FROM attempt s JOIN rollout r ON r.id = s.rollout_id AND r.state IN ('running', 'paused')"
      " LEFT JOIN device_component c ON c.device_id = s.device_id AND c.component = s.model"
      " WHERE s.device_id = $1 AND s.state = 'succeeded' AND NOT s.superseded"
      " AND s.version IS DISTINCT FROM c.version"
      " AND NOT EXISTS (SELECT 1 FROM attempt later WHERE later.device_id = $1"
      "   AND later.model = s.model AND later.n > s.n)"
      " AND a.device_id = s.device_id AND a.n = s.n",
      {device, now_ms});
}

void insert_attempts(Tx& tx, int64_t rollout, std::string_view model, std::string_view version,
                     uint32_t retries, std::vector<std::string> const& devices,
                     std::vector<int64_t> const& phases, int64_t now_ms) {
  tx.run(
      "WITH planned AS (SELECT * FROM unnest($5::text[], $6::int[]) AS p (device_id, phase)),"
      " numbered AS (UPDATE device_state s SET attempt_last = attempt_last + 1 FROM planned p"
      "   WHERE s.device_id = p.device_id RETURNING s.device_id, s.attempt_last, p.phase)"
      " INSERT INTO attempt (device_id, n, rollout_id, phase, model, version, from_version,"
      "   retries_left, created_at, updated_at)"
      " SELECT m.device_id, m.attempt_last, $1, m.phase, $2, $3, c.version, $4, from_ms($7),"
      "   from_ms($7)"
      " FROM numbered m LEFT JOIN device_component c"
      "   ON c.device_id = m.device_id AND c.component = $2",
      {rollout, model, version, retries, devices, phases, now_ms});
}

void cancel_of_device(Tx& tx, std::string_view device, int64_t now_ms) {
  tx.run(
      "UPDATE attempt SET state = 'cancelled', rev = rev + 1, retries_left = 0, hint_at = NULL,"
      " message = 'the device was revoked', updated_at = from_ms($2)"
      " WHERE device_id = $1 AND state < 'succeeded'",
      {device, now_ms});
}

auto take_due_hints(Tx& tx, int64_t repeat_ms, size_t limit, int64_t now_ms)
    -> std::vector<DueHint> {
  // Offline devices are told when they say hello; ended attempts are told once.
  auto const rows = tx.run(
      "WITH due AS (SELECT device_id, n FROM attempt WHERE hint_at <= from_ms($1)"
      "   ORDER BY hint_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)"
      " UPDATE attempt a SET hint_at = CASE WHEN s.online AND a.state < 'succeeded'"
      "   AND (a.state = 'notified' OR a.cancel_requested) THEN from_ms($1::bigint + $3::bigint) "
      "END"
      " FROM due, device_state s, rollout_phase p"
      " WHERE a.device_id = due.device_id AND a.n = due.n AND s.device_id = a.device_id"
      "   AND p.rollout_id = a.rollout_id AND p.phase = a.phase"
      " RETURNING " ATTEMPT_COLUMNS ", p.devices, s.online",
      {now_ms, limit, repeat_ms});
  std::vector<DueHint> hints;
  for (size_t i = 0; i < rows.size(); ++i) {
    auto row = rows[i];
    DueHint hint;
    hint.attempt = read_attempt(row);
    hint.phase_devices = row.natural();
    if (row.flag()) hints.push_back(std::move(hint));
  }
  return hints;
}

}  // namespace godwit::server::store
