// The search for how far codes may stay behind: the smallest delta that is accurate enough.
#include "compiler/requantise/search.h"

#include <gtest/gtest.h>

#include "tests/unit/compiler/requantise/network.h"

namespace godwit::compiler {
namespace {

/// Stands for a delta: the bytes that differ.
auto different_bytes(ByteView deployed, ByteView model) -> Result<uint64_t> {
  uint64_t count = 0;
  for (size_t i = 0; i < deployed.size(); ++i) count += deployed[i] != model[i];
  return count;
}

/// A score that falls by a point with each model that is asked for.
auto falling_score() -> std::function<Result<double>(ByteView)> {
  return [score = 100.0](ByteView) mutable -> Result<double> { return score -= 1; };
}

auto search(SearchOptions const& options, Measures const& measures) -> Result<Search> {
  Network const network;
  auto const deployed = compile_graph(network.model, {}, {});
  if (!deployed) return deployed.error();
  return search_tau({network.model, deployed->model}, moved(network.weights, 3, 7), {}, options,
                    measures);
}

TEST(SearchTau, TakesTheSmallestDeltaThatIsAccurateEnough) {
  auto const found = search({.drop_points_max = 3},
                            {.delta_bytes = different_bytes, .score_percent = falling_score()});
  ASSERT_TRUE(found) << found.error().what;
  auto const& curve = found->curve;
  EXPECT_FALSE(curve[0].tau_lsb) << "the first has scales of its own";
  EXPECT_EQ(curve.size(), 6u) << "two that are too low end it";
  EXPECT_EQ(found->chosen, 3u);
  for (size_t i = 1; i + 1 < curve.size(); ++i) {
    EXPECT_LT(curve[i].tau_lsb, curve[i + 1].tau_lsb);
    EXPECT_GE(curve[i].moved, curve[i + 1].moved);
    EXPECT_GE(curve[i].delta_bytes, curve[i + 1].delta_bytes);
  }
  Network const network;
  auto const again = Requantiser::make(network.model, moved(network.weights, 3, 7))
                         ->within(*curve[found->chosen].tau_lsb);
  auto const compiled = compile_graph(again.model, {}, {});
  EXPECT_EQ(found->compiled.model, compiled->model);
}

TEST(SearchTau, EndsWhereNoCodeMoves) {
  auto const constant = [](ByteView) -> Result<double> { return 90.0; };
  auto const found = search({}, {.delta_bytes = different_bytes, .score_percent = constant});
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_EQ(found->curve.back().moved, 0u);
  EXPECT_GT(found->curve[found->curve.size() - 2].moved, 0u);
  EXPECT_EQ(found->chosen, found->curve.size() - 1);
  EXPECT_EQ(found->deployed_percent, 90.0);
}

TEST(SearchTau, OneTauNeedsNoLabels) {
  auto const found =
      search({.tau_lsb = 1.0}, {.delta_bytes = different_bytes, .score_percent = {}});
  ASSERT_TRUE(found) << found.error().what;
  ASSERT_EQ(found->curve.size(), 2u);
  EXPECT_EQ(found->curve[1].tau_lsb, 1.0);
  EXPECT_FALSE(found->curve[1].score_percent);
  EXPECT_EQ(found->chosen, 1u);
}

TEST(SearchTau, RefusesWhenAllLoseTooMuch) {
  auto const found = search({.drop_points_max = 0.5},
                            {.delta_bytes = different_bytes, .score_percent = falling_score()});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::conflict);
  EXPECT_NE(found.error().what.find("lose 1.00 points at least, and 0.50 are allowed"),
            std::string::npos)
      << found.error().what;
}

}  // namespace
}  // namespace godwit::compiler
