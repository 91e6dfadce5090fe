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

/// Whether any file holds a piece of a model that this server published.
auto in_plain(World const& world) -> bool {
  constexpr size_t kPieceBytes = 16;
  for (auto const& [version, model] : world.server.plains())
    for (size_t at = 0; at + kPieceBytes <= model.size(); at += 97)
      if (world.files.hold(ByteView(model).subspan(at, kPieceBytes))) return true;
  return false;
}

TEST_P(Roads, NoFileHoldsAModelUnlessItIsToldTo) {
  auto world = *GetParam().base;
  // What lay in plain before is gone, but a disk may still have it.
  bool const before = in_plain(world);
  ASSERT_EQ(run_to_end(world), Outcome::settled);
  EXPECT_EQ(in_plain(world), before || world.form == ModelFiles::Form::plain);
}

INSTANTIATE_TEST_SUITE_P(All, Roads, testing::ValuesIn(all_roads()),
                         [](auto const& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace godwit::agent::sim
