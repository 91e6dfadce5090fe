#include "cli/view/rollout.h"

#include <gtest/gtest.h>

#include "cli/core/terminal.h"

namespace godwit::cli {
namespace {

auto phases(std::vector<std::string> const& text, PhaseDefaults const& defaults = {})
    -> std::string {
  auto const parsed = parse_phases(text, defaults);
  return parsed ? parsed->dump() : parsed.error().what;
}

TEST(ParsePhases, CumulativePercentages) {
  EXPECT_EQ(phases({"20,100"}), R"([{"percent":20.0,"soak_s":0},{"percent":100.0,"soak_s":0}])");
  EXPECT_EQ(phases({"20", "100"}), phases({"20,100"}));
  EXPECT_EQ(phases({"0.5"}), R"([{"percent":0.5,"soak_s":0}])");
}

TEST(ParsePhases, RulesOfOnePhaseBeatTheDefaults) {
  EXPECT_EQ(phases({"20:soak=10m:success=95,100"}, {.success_percent = 99, .soak_s = 60}),
            R"([{"percent":20.0,"soak_s":600,"success_percent":95.0},)"
            R"({"percent":100.0,"soak_s":60,"success_percent":99.0}])");
}

TEST(ParsePhases, Refusals) {
  for (auto const* wrong : {"", "x", "0", "-1", "101", "20,", ",20", "20,20", "50,20", "20%", "nan",
                            "inf", "20:", "20:soak", "20:soak=1w", "20:success=101", "20:other=1"})
    EXPECT_FALSE(parse_phases({wrong}, {})) << wrong;
  EXPECT_EQ(phases({"50,20"}), "phases are cumulative and must rise: 20 after 50");
}

auto example_rollout() -> Json {
  return *Json::parse(R"({"id":3,"name":"ic-1.1.0","model":"ic","version":"1.1.0","state":"running",
    "status":"Phase 2 of 2: 1 of 4 succeeded","phase":2,"devices":5,"counts":{"succeeded":2},
    "phases":[{"percent":20.0,"devices":1,"state":"succeeded","succeeded":1,"failed":0,"active":0,
               "queued":0},
              {"percent":100.0,"devices":4,"state":"running","succeeded":1,"failed":1,"active":1,
               "queued":1}],
    "created_at":"2026-01-02T03:04:00Z","started_at":"2026-01-02T03:04:05.5Z","ended_at":null})");
}

auto example_attempts() -> Json {
  return *Json::parse(R"([
    {"device":"cam-1","n":2,"phase":1,"version":"1.1.0","from_version":"1.0.0","state":"succeeded",
     "percent":100,"code":0,"message":"","transport":"delta","bytes_received":34100,
     "health":{"inferences":249,"errors":0,"accuracy":0.8634538,"labelled":249,"correct":215,
               "psi":0.0123,"latency_us_p99":1900}},
    {"device":"cam-2","n":2,"phase":2,"version":"1.1.0","from_version":null,"state":"downloading",
     "percent":40,"code":0,"message":"","transport":"full","bytes_received":12,"health":null},
    {"device":"cam-3","n":2,"phase":2,"version":"1.1.0","from_version":"1.0.0","state":"failed",
     "percent":0,"code":6001,"message":"golden outputs differ","transport":"","bytes_received":0,
     "health":null}])");
}

constexpr int64_t kNow = 1767323165;  // two minutes after the start

TEST(RolloutPage, SaysHowItStands) {
  auto const lines = rollout_page(example_rollout(), example_attempts(), kNow, false);
  std::vector<std::string> const expected = {
      "ic-1.1.0  ◌ running  phase 2/2  2m  ic 1.1.0  rollout 3",
      "Phase 2 of 2: 1 of 4 succeeded",
      "",
      "PHASE  STATE        OF FLEET  SUCCEEDED  ACTIVE  QUEUED  FAILED",
      "    1  ✔ succeeded      20 %        1/1       0       0       0",
      "    2  ◌ running       100 %        1/4       1       1       1",
      "",
      "DEVICE  PHASE  STATE          PROGRESS  RELEASE         VIA    RECEIVED  HEALTH",
      "cam-1       1  ✔ succeeded       100 %  1.0.0 -> 1.1.0  delta   34.1 kB  "
      "86.35 % of 249, p99 1.9 ms, PSI 0.012",
      "cam-2       2  ◌ downloading      40 %  1.1.0           full       12 B  -",
      "cam-3       2  ✘ failed            0 %  1.0.0 -> 1.1.0  -           0 B  "
      "golden outputs differ (code 6001)"};
  EXPECT_EQ(lines, expected);
}

TEST(RolloutPage, FitsAnyTerminalAndLosesTheBottomFirst) {
  for (size_t rows = 12; rows < 20; ++rows)
    for (size_t columns : {20u, 40u, 80u}) {
      auto const lines = rollout_page(example_rollout(), example_attempts(), kNow, false,
                                      {.rows_max = rows, .columns_max = columns});
      EXPECT_LE(lines.size(), rows);
      for (auto const& line : lines) EXPECT_LE(display_width(line), columns);
    }
  auto const lines = rollout_page(example_rollout(), example_attempts(), kNow, false,
                                  {.rows_max = 10, .columns_max = 80});
  EXPECT_TRUE(lines[8].starts_with("cam-3")) << "what failed comes first: " << lines[8];
  EXPECT_EQ(lines.back(), "and 2 more devices");
}

TEST(RolloutPage, AServerThatSaysLessOrOtherThingsIsNoCrash) {
  EXPECT_FALSE(rollout_page(Json(), Json(), 0, false).empty());
  auto const odd = *Json::parse(R"({"id":"x","phases":{"a":1},"phase":[],"state":5})");
  EXPECT_FALSE(rollout_page(odd, *Json::parse("[1,null,{}]"), 0, false).empty());
}

TEST(PlanLines, SayWhoIsLeftOutAndWhy) {
  auto const plan = *Json::parse(R"({"devices":2,"phases":[{"percent":50.0,"devices":1},
    {"percent":100.0,"devices":1}],"excluded":[{"device":"cam-9","reason":"already runs it"}]})");
  std::vector<std::string> const expected = {"2 devices would be updated",
                                             "PHASE  OF FLEET  DEVICES",
                                             "    1      50 %        1",
                                             "    2     100 %        1",
                                             "",
                                             "LEFT OUT  REASON",
                                             "cam-9     already runs it"};
  EXPECT_EQ(plan_lines(plan, false), expected);
}

}  // namespace
}  // namespace godwit::cli
