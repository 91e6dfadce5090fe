// The roads that an attempt can take on a device, without any fault of the device itself: what the
// server sees, what runs at the end, what was fetched.
#include <gtest/gtest.h>

#include "proto/trust/digest.h"
#include "proto/wire/codes.h"
#include "tests/powercut/sim/roads.h"

namespace godwit::agent::sim {
namespace {

using proto::AttemptState;

class Roads : public testing::TestWithParam<Road> {};

TEST_P(Roads, EndsAsItMust) {
  auto const& road = GetParam();
  auto world = *road.base;
  auto const before = world.files.operations();
  ASSERT_EQ(run_to_end(world), Outcome::settled);
  EXPECT_EQ(end_differs(road, world), "");
  EXPECT_EQ(world.server.states_seen, road.states);
  EXPECT_EQ(world.server.attempt().last.transport, road.transport);
  RecordProperty("operations", world.files.operations() - before);
}

INSTANTIATE_TEST_SUITE_P(All, Roads, testing::ValuesIn(all_roads()),
                         [](auto const& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace godwit::agent::sim
