#include "server/storage/events.h"

#include <map>

#include "server/storage/attempts.h"
#include "server/storage/rollouts.h"

namespace godwit::server::store {
namespace {

/// The attempt as the event saw it: what cannot change is read from the attempt itself.
auto read_event_attempt(Row& row) -> Attempt {
  auto attempt = read_attempt(row);
  attempt.state = read_attempt_state(row);
  attempt.message = row.text();
  attempt.percent = row.natural32();
  attempt.code = row.natural32();
  attempt.transport = row.text();
  attempt.bytes_received = row.natural();
  attempt.health = read_health(row);
  return attempt;
}

}  // namespace

auto read_events(Tx& tx, int64_t after, std::optional<int64_t> rollout, size_t limit)
    -> std::vector<Event> {
  auto const rows = tx.run(
      "SELECT e.number, to_ms(e.at), e.rollout_id, a.device_id IS NOT NULL, e.state, e.text,"
      " e.phase, " ATTEMPT_COLUMNS
      ", e.state, e.text, e.percent, e.code, e.transport, e.bytes_received, e.health"
      " FROM event e LEFT JOIN attempt a ON a.device_id = e.device_id AND a.n = e.n"
      " WHERE e.number > $1 AND ($2::bigint IS NULL OR e.rollout_id = $2)"
      " ORDER BY e.number LIMIT $3",
      {after, rollout, limit});
  std::vector<Event> events;
  std::map<int64_t, std::optional<Rollout>> rollouts;
  for (size_t i = 0; i < rows.size(); ++i) {
    auto row = rows[i];
    Event event;
    event.number = row.number();
    event.at_ms = row.number();
    auto const id = row.number();
    bool const of_attempt = row.flag();
    auto const state = row.text();
    auto const text = row.text();
    auto const phase = row.natural32();
    if (of_attempt) {
      event.attempt = read_event_attempt(row);
      event.attempt->updated_at_ms = event.at_ms;
    } else {
      auto [entry, added] = rollouts.try_emplace(id);
      if (added) entry->second = find_rollout(tx, id);
      if (!entry->second) continue;
      event.rollout = entry->second;
      if (auto const known = proto::parse_rollout_state(state)) event.rollout->state = *known;
      event.rollout->status = text;
      event.rollout->phase = phase;
    }
    events.push_back(std::move(event));
  }
  return events;
}

auto last_event(Tx& tx) -> int64_t {
  return tx.run("SELECT last FROM event_clock")[0].number();
}

void forget_events(Tx& tx, int64_t before_ms) {
  tx.run("DELETE FROM event WHERE at < from_ms($1)", {before_ms});
}

}  // namespace godwit::server::store
