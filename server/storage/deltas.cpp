#include "server/storage/deltas.h"

#include <algorithm>

#include "proto/format/container.h"
#include "server/domain/rollout.h"
#include "server/storage/delta_rows.h"

namespace godwit::server::store {
namespace {

constexpr int64_t kUsedAgainMs = 3600 * 1000;  // a use is written down once in this time

/// A device `v` that would take more than $2 seconds to make `plain_size` with a coder that learns.
#define IS_SLOW(plain_size) "(v.patch_rate > 0 AND " plain_size " / $2::bigint > v.patch_rate)"

/// From `pairs` (model, from_version, to_version, devices, rollout or null), where a delta between
/// both is possible: in our format; and where a device, of the rollout if there is one, runs the
/// old release that needs another: BSDIFF40 when it knows no container of version $5, what small
/// and slow decoders take ($3 bytes of memory; $4 are not small). What is there already is not
/// touched, so asking again locks nothing.
#define WANT_DELTAS(pairs) \
  "INSERT INTO delta AS old (model, from_version, to_version, format, full_size, devices,"      \
  " created_at)"                                                                                \
  " SELECT t.model, f.version, t.version, format, t.size, pair.devices, from_ms($1)"            \
  " FROM (" pairs                                                                               \
  ") pair JOIN release f ON f.model = pair.model AND f.version = pair.from_version"             \
  " JOIN release t ON t.model = pair.model AND t.version = pair.to_version"                     \
  " CROSS JOIN unnest('{bsdiff,godwit,godwit-small,godwit-fast}'::text[]) AS format"            \
  " WHERE f.plain_sha256 <> t.plain_sha256 AND f.kind = 'model' AND t.kind = 'model'"           \
  " AND (format = 'godwit' OR EXISTS (SELECT 1 FROM device_component c"                         \
  "   JOIN device v ON v.id = c.device_id WHERE c.component = f.model"                          \
  "   AND c.version = f.version AND v.revoked_at IS NULL AND CASE format"                       \
  "     WHEN 'bsdiff' THEN " TAKES_BSDIFF("$5", "$4")                                           \
  "     WHEN 'godwit-fast' THEN v.patch_version >= $5::bigint AND v.patch_ram >= $3::bigint"    \
  "       AND " IS_SLOW("t.plain_size")                                                         \
  "     ELSE v.patch_version >= $5::bigint AND v.patch_ram >= $3::bigint"                       \
  "       AND v.patch_ram < $4::bigint END"                                                     \
  "   AND (pair.rollout IS NULL OR EXISTS (SELECT 1 FROM attempt a"                             \
  "     WHERE a.rollout_id = pair.rollout AND a.device_id = v.id))))"                           \
  " AND NOT EXISTS (SELECT 1 FROM delta d WHERE d.model = t.model AND d.to_version = t.version" \
  "   AND d.from_version = f.version AND d.format = format.format AND d.state <> 'dropped')"    \
  " ORDER BY 1, 2, 3, 4"                                                                        \
  " ON CONFLICT (model, to_version, from_version, format) DO UPDATE"                            \
  " SET state = 'pending', tries = 0, not_before = NULL, reason = '',"                          \
  " devices = excluded.devices, created_at = excluded.created_at WHERE old.state = 'dropped'"

/// Memory of decoders: the least that any container needs, and what the best ones need.
auto small_ram() -> uint64_t {
  return proto::profile_ram_bytes(proto::Profile::weights_small);
}
auto large_ram() -> uint64_t {
  return proto::profile_ram_bytes(proto::Profile::weights_large);
}

auto read_counted_delta(Row& row) -> Delta {
  auto delta = read_delta(row);
  delta.downloads = row.natural();
  delta.bytes_received = row.natural();
  return delta;
}

/// Written at most once an hour, and not where another transaction writes it now: every fetch of a
/// rollout comes by here.
void mark_used(Tx& tx, Delta const& d, int64_t now_ms) {
  tx.run(
      "UPDATE delta SET used_at = from_ms($5) WHERE (model, to_version, from_version, format) IN ("
      " SELECT model, to_version, from_version, format FROM delta"
      " WHERE model = $1 AND to_version = $2 AND from_version = $3 AND format = $4"
      " AND used_at < from_ms($6) FOR UPDATE SKIP LOCKED)",
      {d.model, d.to, d.from, d.format, now_ms, now_ms - kUsedAgainMs});
}

}  // namespace

void want_delta(Tx& tx, std::string_view model, std::string_view from, std::string_view to,
                int64_t now_ms) {
  tx.run(WANT_DELTAS("SELECT $6::text AS model, $7::text AS from_version, $8::text AS to_version,"
                     " (SELECT count(*) FROM device_component"
                     "  WHERE component = $6 AND version = $7) AS devices,"
                     " NULL::bigint AS rollout"),
         {now_ms, kApplySecondsMax, small_ram(), large_ram(), proto::kContainerVersion, model, from,
          to});
}

void want_deltas_of_fleet(Tx& tx, std::string_view model, std::string_view to, size_t sources_max,
                          int64_t now_ms) {
  tx.run(WANT_DELTAS("SELECT component AS model, version AS from_version, $7::text AS to_version,"
                     " count(*) AS devices, NULL::bigint AS rollout FROM device_component"
                     " WHERE component = $6 AND version <> $7 GROUP BY 1, 2"
                     " ORDER BY count(*) DESC, version LIMIT $8::bigint"),
         {now_ms, kApplySecondsMax, small_ram(), large_ram(), proto::kContainerVersion, model, to,
          sources_max});
}

void want_deltas_of_rollout(Tx& tx, int64_t rollout, int64_t until_ms, int64_t now_ms) {
  tx.run(WANT_DELTAS("SELECT model, from_version, version AS to_version, count(*) AS devices,"
                     " $6::bigint AS rollout FROM attempt WHERE rollout_id = $6 GROUP BY 1, 2, 3"),
         {now_ms, kApplySecondsMax, small_ram(), large_ram(), proto::kContainerVersion, rollout});
  tx.run("UPDATE rollout SET deltas_until = from_ms($2) WHERE id = $1", {rollout, until_ms});
}

auto waits_for_deltas(Tx& tx, int64_t rollout, int64_t now_ms) -> bool {
  return tx
      .run(
          "SELECT EXISTS (SELECT 1 FROM rollout r JOIN delta d ON d.model = r.model"
          "   AND d.to_version = r.version AND (d.state = 'running' OR (d.state = 'pending'"
          "   AND (d.not_before IS NULL OR d.not_before <= from_ms($2))))"
          "   WHERE r.id = $1 AND r.deltas_until > from_ms($2) AND EXISTS"
          "   (SELECT 1 FROM attempt a WHERE a.rollout_id = r.id"
          "    AND a.from_version = d.from_version AND a.state = 'queued'))",
          {rollout, now_ms})[0]
      .flag();
}

auto count_deltas(Tx& tx) -> std::map<DeltaState, int64_t> {
  auto const rows = tx.run("SELECT state, count(*) FROM delta GROUP BY state");
  std::map<DeltaState, int64_t> counts;
  for (size_t i = 0; i < rows.size(); ++i) {
    auto row = rows[i];
    auto const state = read_delta_state(row);
    counts[state] = row.number();
  }
  return counts;
}

auto count_failed_deltas(Tx& tx) -> std::map<std::string, int64_t> {
  auto const rows = tx.run(
      "SELECT name, (SELECT count(*) FROM delta WHERE model = name AND state = 'failed')"
      " FROM model");
  std::map<std::string, int64_t> counts;
  for (size_t i = 0; i < rows.size(); ++i) {
    auto row = rows[i];
    auto name = row.text();
    counts[std::move(name)] = row.number();
  }
  return counts;
}

auto list_deltas(Tx& tx, DeltaFilter const& filter, PageRequest const& page) -> Page<Delta> {
  auto const limit = page_limit(page);
  // Downloads are of the pair, in whichever format: a device says "delta" and how many bytes.
  auto const rows =
      tx.run("SELECT " DELTA_COLUMNS
             ", coalesce(t.devices, 0), coalesce(t.bytes_received, 0) FROM delta d"
             " LEFT JOIN release_traffic t ON t.model = d.model AND t.version = d.to_version"
             " AND t.from_version = d.from_version AND t.transport = 'delta'"
             " WHERE ($1 = '' OR d.model = $1) AND ($2 = '' OR d.from_version = $2)"
             " AND ($3 = '' OR d.to_version = $3) AND ($4 = '' OR d.state::text = $4)"
             " AND concat_ws(' ', d.model, to_version, d.from_version, format) COLLATE \"C\" > $5"
             " ORDER BY concat_ws(' ', d.model, to_version, d.from_version, format) COLLATE \"C\""
             " LIMIT $6",
             {filter.model, filter.from, filter.to, filter.state, page.cursor, limit + 1});
  return read_page<Delta>(rows, limit, read_counted_delta, [](Delta const& d) {
    return d.model + ' ' + d.to + ' ' + d.from + ' ' + d.format;
  });
}

namespace {

/// A ready delta `d` that the device `v` can apply. BSDIFF40 is for those that know nothing else:
/// it takes more memory than others may have said.
#define CAN_APPLY(d, version, ram)                                               \
#d ".state = 'ready' AND CASE " #d ".patch_version WHEN 0 THEN " TAKES_BSDIFF( \
      version, ram) " ELSE " #d ".patch_version <= v.patch_version AND " #d      \
                    ".patch_ram <= v.patch_ram END"

/// The smallest; to a slow device that of tables alone, if there is one.
auto offer_one(Tx& tx, std::string_view device, std::string_view model, Sha256 const& from_plain,
               std::string_view to) -> std::optional<Delta> {
  auto const rows =
      tx.run("SELECT " DELTA_COLUMNS
             " FROM delta d JOIN release f ON f.model = d.model AND f.version = d.from_version"
             " JOIN release t ON t.model = d.model AND t.version = d.to_version"
             " JOIN device v ON v.id = $5"
             " WHERE d.model = $1 AND d.to_version = $4 AND f.plain_sha256 = $3 AND " CAN_APPLY(
                 d, "$6", "$7") " AND (d.format <> 'godwit-fast' OR v.patch_rate > 0)"
             " ORDER BY " IS_SLOW("t.plain_size") " AND d.format <> 'godwit-fast', d.size, d.format"
             " LIMIT 1",
             {model, kApplySecondsMax, from_plain, to, device, proto::kContainerVersion,
              large_ram()});
  if (rows.empty()) return std::nullopt;
  auto row = rows[0];
  return read_delta(row);
}

/// Two deltas over a release between, together below `bytes_max`: the cheapest. None to a slow
/// device, which would make the file twice.
auto offer_two(Tx& tx, std::string_view device, std::string_view model, Sha256 const& from_plain,
               std::string_view to, uint64_t bytes_max) -> std::vector<Delta> {
  auto const keys = tx.run(
      "SELECT d.from_version, d.format, d.to_version, e.format FROM delta d"
      " JOIN release f ON f.model = d.model AND f.version = d.from_version"
      " JOIN delta e ON e.model = d.model AND e.from_version = d.to_version AND e.to_version = $4"
      " JOIN release t ON t.model = $1 AND t.version = $4"
      " JOIN device v ON v.id = $5"
      " WHERE d.model = $1 AND d.to_version <> $4 AND f.plain_sha256 = $3 AND v.patch_steps >= 2"
      " AND NOT " IS_SLOW("t.plain_size")
      " AND 'godwit-fast' NOT IN (d.format, e.format)"
      " AND " CAN_APPLY(d, "$7", "$8") " AND " CAN_APPLY(e, "$7", "$8")
      " AND d.size + e.size < $6::bigint"
      " ORDER BY d.size + e.size, d.to_version, d.format, e.format LIMIT 1",
      {model, kApplySecondsMax, from_plain, to, device, bytes_max, proto::kContainerVersion,
       large_ram()});
  std::vector<Delta> steps;
  if (keys.empty()) return steps;
  auto row = keys[0];
  auto const from = row.text();
  auto const first_format = row.text();
  auto const between = row.text();
  auto const second_format = row.text();
  auto const rows =
      tx.run("SELECT " DELTA_COLUMNS
             " FROM delta d WHERE d.model = $1 AND ((d.from_version, d.to_version, d.format)"
             " IN (($2, $3, $4), ($3, $5, $6)))"
             " ORDER BY d.to_version = $5",
             {model, from, between, first_format, to, second_format});
  for (size_t i = 0; i < rows.size(); ++i) {
    auto step = rows[i];
    steps.push_back(read_delta(step));
  }
  return steps;
}

}  // namespace

auto offer_deltas(Tx& tx, std::string_view device, std::string_view model, Sha256 const& from_plain,
                  std::string_view to, uint64_t bytes_max, int64_t now_ms) -> std::vector<Delta> {
  auto const direct = offer_one(tx, device, model, from_plain, to);
  auto const limit = direct ? std::min(bytes_max, *direct->size_bytes) : bytes_max;
  auto steps = offer_two(tx, device, model, from_plain, to, limit);
  if (steps.empty() && direct) steps.push_back(*direct);
  for (auto const& step : steps) mark_used(tx, step, now_ms);
  return steps;
}

auto drop_deltas(Tx& tx, uint64_t bytes_max) -> std::vector<Sha256> {
  // `kept` is what would be kept if the file and all that were used after it stay.
  auto const rows = tx.run(
      "WITH kept AS (SELECT model, to_version, from_version, format, sha256, sum(size) OVER"
      "   (ORDER BY used_at DESC, model, to_version, from_version, format) AS bytes"
      "   FROM delta WHERE state = 'ready'),"
      " victim AS (SELECT d.model, d.to_version, d.from_version, d.format, d.sha256 FROM delta d"
      "   JOIN kept USING (model, to_version, from_version, format)"
      "   WHERE kept.bytes > $1::bigint AND d.state = 'ready' AND NOT EXISTS"
      "   (SELECT 1 FROM attempt a WHERE a.model = d.model AND a.state < 'succeeded'"
      "    AND (a.version = d.to_version OR a.from_version = d.from_version))"
      "   FOR UPDATE OF d SKIP LOCKED),"
      " dropped AS (UPDATE delta d SET state = 'dropped', sha256 = NULL, key_enc = NULL,"
      "   key_ct = NULL FROM victim v WHERE (d.model, d.to_version, d.from_version, d.format)"
      "   = (v.model, v.to_version, v.from_version, v.format))"
      " SELECT sha256 FROM victim",
      {bytes_max});
  std::vector<Sha256> files;
  for (size_t i = 0; i < rows.size(); ++i) {
    files.push_back(rows[i].sha256());
    tx.run("DELETE FROM artifact WHERE sha256 = $1", {files.back()});
  }
  return files;
}

}  // namespace godwit::server::store
