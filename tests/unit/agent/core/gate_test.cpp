// The gate's arithmetic against values worked out by hand (docs/agent.md).
#include "agent/core/gate.h"

#include <gtest/gtest.h>

#include "proto/wire/codes.h"

namespace godwit::agent {
namespace {

auto health(uint64_t labelled, uint64_t correct, std::vector<uint64_t> outputs) -> proto::Health {
  proto::Health result;
  result.inferences = labelled;
  result.labelled = labelled;
  result.correct = correct;
  result.outputs = std::move(outputs);
  return result;
}

TEST(Stability, OfTheSameSharesIsZero) {
  EXPECT_DOUBLE_EQ(*population_stability({10, 30, 60}, {10, 30, 60}), 0);
  EXPECT_NEAR(*population_stability({10, 30, 60}, {20, 60, 120}), 0, 1e-15);
}

TEST(Stability, IsTheSumOverClassesWorkedOutByHand) {
  // (.6 - .5) ln(.6 / .5) + (.4 - .5) ln(.4 / .5) = .0182321557 + .0223143551
  EXPECT_NEAR(*population_stability({50, 50}, {60, 40}), 0.0405465108, 1e-10);
  // (.3-.2) ln 1.5 + (.3-.3) ln 1 + (.4-.5) ln .8 = .0405465108 + 0 + .0223143551
  EXPECT_NEAR(*population_stability({2, 3, 5}, {3, 3, 4}), 0.0628608659, 1e-10);
}

TEST(Stability, IsTheSameBothWays) {
  EXPECT_NEAR(*population_stability({7, 11, 2}, {3, 9, 8}),
              *population_stability({3, 9, 8}, {7, 11, 2}), 1e-12);
}

TEST(Stability, AnEmptyClassCountsAsOneInTenThousand) {
  // (1 - .5) ln 2 + (.0001 - .5) ln(.0001 / .5) = .3465735903 + 4.2577448764
  EXPECT_NEAR(*population_stability({50, 50}, {100, 0}), 4.6043185, 1e-6);
  EXPECT_NEAR(*population_stability({50, 50}, {100}), 4.6043185, 1e-6);
  EXPECT_NEAR(*population_stability({100}, {50, 50}), 4.6043185, 1e-6);
}

TEST(Stability, HasNoValueWithoutCounts) {
  EXPECT_EQ(population_stability({}, {1}), std::nullopt);
  EXPECT_EQ(population_stability({1}, {0, 0}), std::nullopt);
}

TEST(Compare, DropsAreInPercentagePoints) {
  // The reference kernels on the 249 labelled images: 217 right for ic-1, 215 for ic-2.
  auto now = health(249, 215, {249});
  compare(baseline_of(health(249, 217, {249})), now);
  EXPECT_NEAR(*now.accuracy_drop_points, 100.0 * 2 / 249, 1e-12);
  EXPECT_NEAR(*now.psi, 0, 1e-15);
  auto better = health(100, 90, {100});
  compare(baseline_of(health(200, 160, {200})), better);
  EXPECT_NEAR(*better.accuracy_drop_points, -10, 1e-12);
}

TEST(Compare, WithoutLabelsThereIsNoDrop) {
  auto now = health(0, 0, {10, 10});
  compare(baseline_of(health(20, 20, {10, 10})), now);
  EXPECT_EQ(now.accuracy_drop_points, std::nullopt);
  EXPECT_TRUE(now.psi.has_value());
}

struct Judged {
  proto::GatePolicy policy;
  proto::Health health;
  uint32_t code;
};

auto figures(double drop, double psi, uint64_t latency_us, uint64_t errors) -> proto::Health {
  auto result = health(100, 80, {100});
  result.accuracy_drop_points = drop;
  result.psi = psi;
  result.errors = errors;
  for (int i = 0; i < 100; ++i) result.latency_us.add(latency_us);
  return result;
}

TEST(Judge, NamesTheFirstLimitThatIsBroken) {
  namespace codes = proto::codes;
  proto::GatePolicy const all{100, 5.0, 0.25, 1000, 0.05};
  Judged const cases[] = {
      {all, figures(0, 0, 100, 0), 0},
      {all, figures(5.0, 0.25, 100, 5), 0},  // at the limit is within it
      {all, figures(5.1, 0, 100, 0), codes::kGateAccuracy},
      {all, figures(-20, 0, 100, 0), 0},
      {all, figures(0, 0.26, 100, 0), codes::kGatePsi},
      {all, figures(0, 0, 2000, 0), codes::kGateLatency},
      {all, figures(0, 0, 100, 6), codes::kGateErrors},
      {all, figures(9, 9, 9000, 99), codes::kGateErrors},
      {all, figures(9, 9, 9000, 0), codes::kGateAccuracy},
      {{}, figures(90, 9, 9000, 99), 0},  // nothing was asked
      {all, health(100, 10, {100}), 0},   // nothing to compare with
  };
  for (auto const& c : cases) {
    auto const verdict = judge(c.policy, c.health);
    EXPECT_EQ(verdict.code, c.code) << verdict.message;
    EXPECT_EQ(verdict.message.empty(), c.code == 0);
  }
}

TEST(Judge, SaysTheValueAndTheLimit) {
  auto const verdict = judge({100, 5.0, {}, {}, {}}, figures(7.25, 0, 1, 0));
  EXPECT_EQ(verdict.message, "accuracy drop in points 7.25, the limit is 5");
}

TEST(Baselines, AreReadBack) {
  Baselines baselines;
  Sha256 key;
  key.bytes[0] = 7;
  baselines.emplace(key, Baseline{249, 217, {1, 0, 248}});
  auto const back = decode_baselines(encode(baselines));
  ASSERT_TRUE(back);
  ASSERT_EQ(back->size(), 1u);
  EXPECT_EQ(back->at(key).labelled, 249u);
  EXPECT_EQ(back->at(key).correct, 217u);
  EXPECT_EQ(back->at(key).outputs, (std::vector<uint64_t>{1, 0, 248}));
}

TEST(Baselines, DamagedOnesAreRefused) {
  for (auto const* text : {"", "[]", "{\"x\":{}}", "{\"", "7"})
    EXPECT_FALSE(decode_baselines(text)) << text;
  auto const sha = Sha256().hex();
  EXPECT_FALSE(
      decode_baselines("{\"" + sha + "\":{\"labelled\":-1,\"correct\":0,\"outputs\":[]}}"));
  EXPECT_FALSE(
      decode_baselines("{\"" + sha + "\":{\"labelled\":1,\"correct\":0,\"outputs\":[-1]}}"));
}

}  // namespace
}  // namespace godwit::agent
