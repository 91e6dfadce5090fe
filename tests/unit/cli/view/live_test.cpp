#include "cli/view/live.h"

#include <gtest/gtest.h>

namespace godwit::cli {
namespace {

auto rollout(char const* state, int phase, char const* status) -> Json {
  return Json::object({{"id", 3},
                       {"name", "ic"},
                       {"state", state},
                       {"phase", phase},
                       {"phases", Json::array({Json::object(), Json::object()})},
                       {"status", status}});
}

auto attempt(int n, char const* state, char const* updated_at) -> Json {
  return Json::object({{"device", "cam-1"},
                       {"n", n},
                       {"state", state},
                       {"version", "1.1.0"},
                       {"from_version", "1.0.0"},
                       {"updated_at", updated_at}});
}

TEST(LiveRollout, OneLineForEachChangeOfStateOrPhase) {
  LiveRollout live;
  EXPECT_FALSE(live.known());
  EXPECT_EQ(live.apply_rollout(rollout("running", 1, "begins")).line,
            "rollout 3 ic: ◌ running, phase 1/2: begins");
  EXPECT_EQ(live.apply_rollout(rollout("running", 1, "only the sentence is new")).line, "");
  EXPECT_NE(live.apply_rollout(rollout("running", 2, "x")).line, "");
  EXPECT_FALSE(live.apply_rollout(rollout("running", 2, "x")).news) << "the same again";
  EXPECT_FALSE(live.ended());
  EXPECT_NE(live.apply_rollout(rollout("succeeded", 2, "done")).line, "");
  EXPECT_TRUE(live.ended());
  EXPECT_TRUE(live.succeeded());
}

TEST(LiveRollout, AnEndStaysAnEnd) {
  LiveRollout live;
  for (auto const* end : {"failed", "rolled_back", "cancelled"}) {
    live = {};
    live.apply_rollout(rollout(end, 1, ""));
    EXPECT_EQ(live.apply_rollout(rollout("running", 1, "late")).line, "");
    EXPECT_TRUE(live.ended());
    EXPECT_FALSE(live.succeeded());
  }
}

TEST(LiveRollout, EventsThatTheSnapshotOvertookAreLeftAside) {
  LiveRollout live;
  EXPECT_EQ(live.apply_attempt(attempt(1, "queued", "2026-01-01T00:00:00.000Z")).line, "");
  EXPECT_EQ(live.apply_attempt(attempt(1, "trial", "2026-01-01T00:00:05.000Z")).line,
            "cam-1: ◌ trial, 1.0.0 -> 1.1.0");
  EXPECT_EQ(live.apply_attempt(attempt(1, "downloading", "2026-01-01T00:00:02.000Z")).line, "");
  EXPECT_EQ(live.attempts().items().front().get_string("state").value_or(""), "trial");
  EXPECT_NE(live.apply_attempt(attempt(2, "queued", "2026-01-01T00:00:01.000Z")).line, "");
  EXPECT_EQ(live.attempts().size(), 1u);
}

}  // namespace
}  // namespace godwit::cli
