#include "server/storage/rollouts.h"

#include "server/domain/rollout.h"

namespace godwit::server::store {
namespace {

constexpr int64_t kPlanningLock = 0x676f6477706c6e;  // "godwpln"

#define ROLLOUT_COLUMNS                                                                       \
  "id, name, model, version, filter, state, status, phase, devices, abort_threshold_percent," \
  " abort_min_executed, abort_failure_types, in_progress_timeout_s, retries, on_failure,"     \
  " to_ms(created_at), to_ms(started_at), to_ms(ended_at), rev"

template <size_t N>
auto index_of(std::array<std::string_view, N> const& names, std::string_view text) -> size_t {
  for (size_t i = 0; i < N; ++i)
    if (names[i] == text) return i;
  check_failed("the schema allows the name", __FILE__, __LINE__);
}

auto read_rollout(Row& row) -> Rollout {
  Rollout r;
  r.id = row.number();
  r.name = row.text();
  r.model = row.text();
  r.version = row.text();
  r.filter = row.text();
  r.state = static_cast<RolloutState>(index_of(proto::kRolloutStates, row.text()));
  r.status = row.text();
  r.phase = row.natural32();
  r.devices = row.natural();
  r.abort.threshold_percent = row.real();
  r.abort.min_executed = row.natural();
  r.abort.failure_types.clear();
  for (auto const& type : row.texts())
    r.abort.failure_types.push_back(static_cast<FailureType>(index_of(kFailureTypes, type)));
  r.in_progress_timeout_s = row.natural32();
  r.retries = row.natural32();
  r.on_failure = static_cast<OnFailure>(index_of(kOnFailure, row.text()));
  r.created_at_ms = row.number();
  r.started_at_ms = row.number_or_null();
  r.ended_at_ms = row.number_or_null();
  r.rev = row.number();
  return r;
}

void read_phases(Tx& tx, Rollout& rollout) {
  auto const rows = tx.run(
      "SELECT percent, success_percent, soak_s, state, devices, to_ms(reached_at), bytes_received,"
      " queued, notified, deferred, downloading, verifying, installing, trial, succeeded, failed,"
      " rejected, timed_out, rolled_back, cancelled"
      " FROM rollout_phase WHERE rollout_id = $1 ORDER BY phase",
      {rollout.id});
  for (size_t i = 0; i < rows.size(); ++i) {
    auto row = rows[i];
    Phase p;
    p.percent = row.real();
    p.success_percent = row.real();
    p.soak_s = row.natural32();
    p.state = static_cast<PhaseState>(index_of(kPhaseStates, row.text()));
    p.devices = row.natural();
    p.reached_at_ms = row.number_or_null();
    p.bytes_received = row.natural();
    for (auto& count : p.counts) count = row.natural();
    rollout.bytes_received += p.bytes_received;
    rollout.phases.push_back(p);
  }
  rollout.counts = sum_counts(rollout.phases);
}

}  // namespace

auto insert_rollout(Tx& tx, Rollout const& r, int64_t now_ms) -> int64_t {
  std::vector<std::string> types;
  for (auto type : r.abort.failure_types)
    types.emplace_back(kFailureTypes[static_cast<size_t>(type)]);
  auto const rows = tx.run(
      "INSERT INTO rollout (name, model, version, filter, devices, abort_threshold_percent,"
      " abort_min_executed, abort_failure_types, in_progress_timeout_s, retries, on_failure,"
      " created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
      "from_ms($12), from_ms($12))"
      " RETURNING id",
      {r.name, r.model, r.version, r.filter, r.devices, r.abort.threshold_percent,
       r.abort.min_executed, types, r.in_progress_timeout_s, r.retries,
       kOnFailure[static_cast<size_t>(r.on_failure)], now_ms});
  auto const id = rows[0].number();
  for (size_t i = 0; i < r.phases.size(); ++i) {
    auto const& p = r.phases[i];
    tx.run(
        "INSERT INTO rollout_phase (rollout_id, phase, percent, success_percent, soak_s, devices)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        {id, i + 1, p.percent, p.success_percent, p.soak_s, p.devices});
  }
  return id;
}

auto find_rollout(Tx& tx, int64_t id) -> std::optional<Rollout> {
  auto const rows = tx.run("SELECT " ROLLOUT_COLUMNS " FROM rollout WHERE id = $1", {id});
  if (rows.empty()) return std::nullopt;
  auto row = rows[0];
  auto rollout = read_rollout(row);
  read_phases(tx, rollout);
  return rollout;
}

auto list_rollouts(Tx& tx, PageRequest const& page) -> Result<Page<Rollout>> {
  TRY(auto const before, number_cursor(page, INT64_MAX));
  auto const limit = page_limit(page);
  auto const rows =
      tx.run("SELECT " ROLLOUT_COLUMNS " FROM rollout WHERE id < $1 ORDER BY id DESC LIMIT $2",
             {before, limit + 1});
  auto list = read_page<Rollout>(rows, limit, read_rollout,
                                 [](Rollout const& r) { return std::to_string(r.id); });
  for (auto& rollout : list.items) read_phases(tx, rollout);
  return list;
}

auto unsettled_rollouts(Tx& tx) -> std::vector<int64_t> {
  std::vector<int64_t> ids;
  auto const rows =
      tx.run("SELECT id FROM rollout WHERE NOT settled AND state <> 'draft' ORDER BY id");
  for (size_t i = 0; i < rows.size(); ++i) ids.push_back(rows[i].number());
  return ids;
}

auto lock_rollout(Tx& tx, int64_t id, bool skip_locked) -> std::optional<Rollout> {
  auto const rows =
      skip_locked
          ? tx.run("SELECT 1 FROM rollout WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED", {id})
          : tx.run("SELECT 1 FROM rollout WHERE id = $1 FOR NO KEY UPDATE", {id});
  if (rows.empty()) return std::nullopt;
  return find_rollout(tx, id);
}

void set_rollout(Tx& tx, int64_t id, RolloutState state, std::string_view status, uint32_t phase,
                 int64_t now_ms) {
  bool const started = state == RolloutState::running;
  tx.run(
      "UPDATE rollout SET state = $2::rollout_state, status = $3, phase = $4, rev = rev + 1,"
      " updated_at = from_ms($7),"
      " started_at = CASE WHEN $5 THEN coalesce(started_at, from_ms($7)) ELSE started_at END,"
      " ended_at = CASE WHEN $6 THEN coalesce(ended_at, from_ms($7)) END WHERE id = $1",
      {id, proto::to_string(state), status, phase, started, proto::ended(state), now_ms});
}

void set_settled(Tx& tx, int64_t id) {
  tx.run("UPDATE rollout SET settled = true WHERE id = $1", {id});
}

void set_phase(Tx& tx, int64_t id, uint32_t phase, PhaseState state,
               std::optional<int64_t> reached_at_ms) {
  tx.run(
      "UPDATE rollout_phase SET state = $3::phase_state, reached_at = from_ms($4)"
      " WHERE rollout_id = $1 AND phase = $2",
      {id, phase, to_string(state), reached_at_ms});
}

auto a_failure_of(Tx& tx, int64_t id) -> std::optional<std::string> {
  auto const rows = tx.run(
      "SELECT device_id || ' ended ' || state || CASE WHEN message <> '' THEN ': ' || message"
      " ELSE '' END FROM attempt WHERE rollout_id = $1 AND NOT superseded"
      " AND state IN ('failed', 'rejected', 'timed_out', 'rolled_back')"
      " ORDER BY updated_at, device_id LIMIT 1",
      {id});
  if (rows.empty()) return std::nullopt;
  return rows[0].text();
}

void lock_planning(Tx& tx) {
  tx.run("SELECT pg_advisory_xact_lock($1)", {kPlanningLock});
}

}  // namespace godwit::server::store
