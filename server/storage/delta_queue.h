// The table delta as a queue: rows are taken under a lease, made by a worker, and finished; what
// fails is tried again after a pause, and told. Called inside a transaction.
#pragma once

#include "server/domain/entities.h"
#include "server/storage/db.h"

namespace godwit::server::store {

/// A delta taken by this worker until its lease ends; its `tries` tell later whether it still is.
/// The one that helps most devices comes first. A BSDIFF40 that no device needs any more, and what
/// leads to a yanked release, is dropped unmade, unless somebody asked for it by hand.
auto take_delta(Tx& tx, int64_t now_ms, int64_t lease_ms) -> std::optional<Delta>;
/// False when the lease was lost to another worker meanwhile.
auto renew_lease(Tx& tx, Delta const& taken, int64_t now_ms, int64_t lease_ms) -> bool;
/// False when the lease was lost. A failed try is told by `failed_at_ms`.
auto finish_delta(Tx& tx, Delta const& taken, int64_t now_ms) -> bool;
/// Those whose workers ended while they made it, for the last time: a server that making it kills
/// must not die of it forever. They have failed now.
auto fail_abandoned_deltas(Tx& tx, int tries_max, int64_t now_ms) -> std::vector<Delta>;

/// Asks by hand, for `format` or, if that is empty, for every one of the pair that failed, was
/// rejected or was dropped, and for our own if there is none at all. What is waiting, being made or
/// ready stays as it is. How many are asked for.
auto request_delta(Tx& tx, Delta const& wanted, int64_t now_ms) -> size_t;

/// An event in every rollout to `delta.to` that has not ended.
void tell_rollouts(Tx& tx, Delta const& delta, std::string const& text, int64_t now_ms);

}  // namespace godwit::server::store
