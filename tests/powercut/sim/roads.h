// The roads that every fault is tried on: how the device and the server stand before, and where the
// attempt must end whatever happens on the way.
#pragma once

#include <memory>
#include <ostream>

#include "tests/powercut/sim/sim_device.h"

namespace godwit::agent::sim {

struct Road {
  std::string name;
  std::shared_ptr<World const> base;  // with the attempt offered, and nothing done yet
  proto::AttemptState end;
  uint32_t code = 0;
  std::string before;                       // version that ran; empty: nothing did
  std::string target;                       // version of the attempt
  std::string running;                      // version at the end
  std::vector<proto::AttemptState> states;  // that the server sees when nothing goes wrong
  std::string transport;
  bool by_blocks = false;  // deltas of our container: a cut costs a block, or a range
};
inline auto operator<<(std::ostream& out, Road const& road) -> std::ostream& {
  return out << road.name;
}

auto all_roads() -> std::vector<Road> const&;

/// Why the world is not where the road must end; empty when it is.
auto end_differs(Road const& road, World& world) -> std::string;

/// Why it is not safe to start from what is durable now; empty when the running release is intact
/// and is the old or the new one.
auto unsafe(Road const& road, World& world) -> std::string;

}  // namespace godwit::agent::sim
