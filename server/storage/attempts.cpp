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

auto find_attempts(Tx& tx, std::vector<std::string> const& devices,
                   std::vector<int64_t> const& numbers) -> std::vector<ReportedAttempt> {
  auto const rows = tx.run("SELECT " ATTEMPT_COLUMNS
                           ", a.ext, a.transitions"
                           " FROM unnest($1::text[], $2::int[]) AS u (device_id, n)"
                           " JOIN attempt a ON a.device_id = u.device_id AND a.n = u.n",
                           {devices, numbers});
  std::vector<ReportedAttempt> attempts(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    auto row = rows[i];
    attempts[i].now = read_attempt(row);
    attempts[i].seen_state = attempts[i].now.state;
    attempts[i].ext = static_cast<int32_t>(row.number());
    attempts[i].transitions = static_cast<int>(row.number());
  }
  return attempts;
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

auto attempts_of_release(Tx& tx, std::string_view model, std::string_view version,
                         PageRequest const& page) -> Result<Page<Attempt>> {
  // The cursor is "device n".
  auto const space = std::min(page.cursor.find(' '), page.cursor.size());
  PageRequest const number{.limit = 0,
                           .cursor = page.cursor.substr(std::min(space + 1, page.cursor.size()))};
  TRY(auto const after, number_cursor(number, 0));
  auto const limit = page_limit(page);
  auto const rows = tx.run("SELECT " ATTEMPT_COLUMNS
                           " FROM attempt a WHERE model = $1 AND version = $2"
                           " AND (device_id, n) > ($3, $4::bigint)"
                           " ORDER BY device_id, n LIMIT $5",
                           {model, version, page.cursor.substr(0, space), after, limit + 1});
  return read_page<Attempt>(rows, limit, read_attempt,
                            [](Attempt const& a) { return a.device + ' ' + std::to_string(a.n); });
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

auto apply_reports(Tx& tx, std::vector<ReportedAttempt const*> const& attempts, int64_t now_ms)
    -> size_t {
  std::vector<std::string> devices, seen, states, messages, transports, healths;
  std::vector<int64_t> numbers, revs, percents, codes, exts, bytes, transitions;
  for (auto const* attempt : attempts) {
    auto const& a = attempt->now;
    devices.push_back(a.device);
    numbers.push_back(a.n);
    seen.emplace_back(proto::to_string(attempt->seen_state));
    revs.push_back(a.rev);
    states.emplace_back(proto::to_string(a.state));
    percents.push_back(a.percent);
    codes.push_back(a.code);
    exts.push_back(attempt->ext);
    messages.push_back(a.message);
    transports.push_back(a.transport);
    bytes.push_back(static_cast<int64_t>(a.bytes_received));
    healths.push_back(a.health ? to_json(*a.health).dump() : "");
    transitions.push_back(attempt->transitions);
  }
  return tx
      .run(
          "UPDATE attempt a SET state = u.state::attempt_state, percent = u.percent,"
          " code = u.code, ext = u.ext, message = u.message, transport = u.transport,"
          " bytes_received = u.bytes, health = nullif(u.health, '')::jsonb,"
          " transitions = u.transitions, updated_at = from_ms($14),"
          " hint_at = CASE WHEN u.state::attempt_state < 'succeeded' AND a.cancel_requested"
          "   THEN a.hint_at END"
          " FROM unnest($1::text[], $2::int[], $3::text[], $4::bigint[], $5::text[], $6::int[],"
          "   $7::int[], $8::int[], $9::text[], $10::text[], $11::bigint[], $12::text[],"
          "   $13::int[]) AS u (device_id, n, seen, rev, state, percent, code, ext, message,"
          "   transport, bytes, health, transitions)"
          " WHERE a.device_id = u.device_id AND a.n = u.n AND a.rev = u.rev"
          " AND a.state = u.seen::attempt_state",
          {devices, numbers, seen, revs, states, percents, codes, exts, messages, transports, bytes,
           healths, transitions, now_ms})
      .affected();
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
  // Once to everybody (the broker may keep it for a device that comes back), again only to devices
  // that are online: the others are told when they say hello.
  // Planned each time: a plan that was kept since the table was small reads all of it for each
  // hint.
  auto const rows = tx.run_composed(
      "WITH due AS (SELECT device_id, n FROM attempt WHERE hint_at <= from_ms($1)"
      "   ORDER BY hint_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)"
      " UPDATE attempt a SET hint_at = CASE WHEN s.online AND a.state < 'succeeded'"
      "   AND (a.state = 'notified' OR a.cancel_requested) THEN from_ms($1::bigint + $3::bigint) "
      "END"
      " FROM due, device_state s, rollout_phase p"
      " WHERE a.device_id = due.device_id AND a.n = due.n AND s.device_id = a.device_id"
      "   AND p.rollout_id = a.rollout_id AND p.phase = a.phase"
      " RETURNING " ATTEMPT_COLUMNS ", p.devices",
      {now_ms, limit, repeat_ms});
  std::vector<DueHint> hints;
  for (size_t i = 0; i < rows.size(); ++i) {
    auto row = rows[i];
    DueHint hint;
    hint.attempt = read_attempt(row);
    hint.phase_devices = row.natural();
    hints.push_back(std::move(hint));
  }
  return hints;
}

}  // namespace godwit::server::store
