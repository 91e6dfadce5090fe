// Deltas between releases as rows: what is wanted, what is offered, what is kept. Each is also the
// job that makes it (delta_queue.h). Called inside a transaction.
#pragma once

#include <map>

#include "server/domain/entities.h"
#include "server/storage/db.h"
#include "server/storage/page.h"

namespace godwit::server::store {

/// Asks for a delta in our format and in every other that a device needs, unless there is one in
/// any state; not between releases of the same plaintext. One whose file gave way to others is
/// asked for anew.
void want_delta(Tx& tx, std::string_view model, std::string_view from, std::string_view to,
                int64_t now_ms);
/// The same from the `sources_max` releases that most devices run.
void want_deltas_of_fleet(Tx& tx, std::string_view model, std::string_view to, size_t sources_max,
                          int64_t now_ms);
/// The same from every release that a rollout's devices run; they are waited for until then.
void want_deltas_of_rollout(Tx& tx, int64_t rollout, int64_t until_ms, int64_t now_ms);
/// Whether the rollout still waits for a delta of its devices.
auto waits_for_deltas(Tx& tx, int64_t rollout, int64_t now_ms) -> bool;

/// How many there are in each state, for the metrics.
auto count_deltas(Tx& tx) -> std::map<DeltaState, int64_t>;
/// Of every model, also where it is none.
auto count_failed_deltas(Tx& tx) -> std::map<std::string, int64_t>;
/// Each that is not empty must hold.
struct DeltaFilter {
  std::string model = {};
  std::string from = {};
  std::string to = {};
  std::string state = {};
};
auto list_deltas(Tx& tx, DeltaFilter const& filter, PageRequest const& page) -> Page<Delta>;
/// What is the fewest bytes from the release with that plaintext, of what the device can apply by
/// what it said of its decoder: the smallest ready delta, or two over a release between when they
/// have fewer bytes together, and fewer than `bytes_max`. A device too slow for them
/// (kApplySecondsMax) is offered what it applies fast. In the order of applying; marked as used.
auto offer_deltas(Tx& tx, std::string_view device, std::string_view model, Sha256 const& from_plain,
                  std::string_view to, uint64_t bytes_max, int64_t now_ms) -> std::vector<Delta>;

/// Forgets the files of ready deltas, the longest unused first, until the rest takes at most that
/// many bytes; never one that a device under way may still fetch. The files are the caller's to
/// remove, after the commit.
auto drop_deltas(Tx& tx, uint64_t bytes_max) -> std::vector<Sha256>;

}  // namespace godwit::server::store
