// The append-only stream of events as rows, written by triggers. Called inside a transaction.
#pragma once

#include "server/domain/entities.h"
#include "server/storage/db.h"

namespace godwit::server::store {

auto read_events(Tx& tx, int64_t after, std::optional<int64_t> rollout, size_t limit)
    -> std::vector<Event>;
auto last_event(Tx& tx) -> int64_t;
void forget_events(Tx& tx, int64_t before_ms);

}  // namespace godwit::server::store
