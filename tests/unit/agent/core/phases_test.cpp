// The edge table: what the compiler proved about it is in phases.h; here every pair is looked at.
#include "agent/core/phases.h"

#include <gtest/gtest.h>

#include <set>

namespace godwit::agent {
namespace {

TEST(Phases, EveryMoveThatIsNotInTheTableIsRefused) {
  size_t legal = 0;
  for (size_t from = 0; from < kPhases.size(); ++from)
    for (size_t event = 0; event < kEventCount; ++event) {
      auto const phase = static_cast<Phase>(from);
      auto const on = static_cast<Event>(event);
      Edge const* found = nullptr;
      for (auto const& edge : kEdges)
        if (edge.from == phase && edge.on == on) found = &edge;
      auto const to = next(phase, on);
      ASSERT_EQ(to.has_value(), found != nullptr);
      if (!found) continue;
      EXPECT_EQ(*to, found->to);
      ++legal;
    }
  EXPECT_EQ(legal, kEdges.size());
}

TEST(Phases, NamesAreReadBack) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kPhases.size(); ++i) {
    auto const phase = static_cast<Phase>(i);
    EXPECT_EQ(parse_phase(to_string(phase)), phase);
    names.insert(to_string(phase));
  }
  EXPECT_EQ(names.size(), kPhases.size());
  EXPECT_EQ(parse_phase("flying"), std::nullopt);
}

TEST(Phases, WhatIsReportedIsLegalAtTheServerAlongEveryEdge) {
  for (auto const& edge : kEdges) {
    auto const from = reported_as(edge.from);
    auto const to = reported_as(edge.to);
    EXPECT_TRUE(!from || !to || proto::report_may_move(*from, *to)) << to_string(edge.from);
  }
}

TEST(Phases, OnlyATrialEndsInConfirming) {
  for (auto const& edge : kEdges)
    EXPECT_TRUE(edge.to != Phase::confirming || edge.from == Phase::trial ||
                edge.on == Event::restart);
}

TEST(Phases, NothingIsCancelledOnceSlotsAreWritten) {
  for (auto const& edge : kEdges)
    EXPECT_TRUE(edge.on != Event::refused || cancellable(edge.from)) << to_string(edge.from);
}

}  // namespace
}  // namespace godwit::agent
