#include "server/domain/entities.h"

namespace godwit::server {

auto Phase::active() const -> uint64_t {
  uint64_t sum = 0;
  for (auto s = AttemptState::notified; s <= AttemptState::trial;
       s = static_cast<AttemptState>(static_cast<int>(s) + 1))
    sum += count(s);
  return sum;
}

auto Phase::failed() const -> uint64_t {
  return devices - queued() - active() - succeeded();
}

}  // namespace godwit::server
