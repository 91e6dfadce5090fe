#include "server/service/events.h"

#include "server/service/core.h"
#include "server/storage/events.h"

namespace godwit::server {

auto Events::read(int64_t after, std::optional<int64_t> rollout, size_t limit)
    -> Result<std::vector<Event>> {
  return core_.database->transact([&](Tx& tx) -> Result<std::vector<Event>> {
    return store::read_events(tx, after, rollout, limit);
  });
}

auto Events::last() -> Result<int64_t> {
  return core_.database->transact([](Tx& tx) -> Result<int64_t> { return store::last_event(tx); });
}

auto Events::wait(int64_t after, int64_t timeout_ms) -> Result<int64_t> {
  for (;;) {
    TRY(auto const number, last());
    if (number > after) return number;
    TRY(bool const waited, core_.database->wait_for_event(timeout_ms));
    if (waited) return last();
  }
}

}  // namespace godwit::server
