// Each role may do what docs/rest.md says and nothing else: every route that changes something, by
// every role, and what a token that was taken back may do.
#include <gtest/gtest.h>

#include "proto/trust/digest.h"
#include "server/domain/roles.h"
#include "tests/integration/server/http/serving.h"

namespace godwit::test {
namespace {

auto serving() -> Serving& {
  static Serving shared;
  return shared;
}

struct Case {
  std::string method;
  std::string target;
  std::string needed;
};

void PrintTo(Case const& one, std::ostream* out) {
  *out << one.method << " " << one.target;
}

class Roles : public testing::TestWithParam<Case> {};

/// What they ask for is not there or not whole: one who may gets any other answer than a refusal.
TEST_P(Roles, AllowWhatTheyAreFor) {
  auto const& [method, target, needed] = GetParam();
  for (auto const role : server::kRoles) {
    bool const may = role == "admin" || needed == "viewer" || role == needed;
    auto const client = serving().client_as(std::string(role));
    auto const before = serving().state();
    auto const reply = client->request(method, target, method == "GET" ? "" : "{}",
                                       {{"Content-Type", "application/json"}});
    if (may) {
      EXPECT_NE(reply.status, 0);
      EXPECT_NE(reply.status, 401) << role;
      EXPECT_NE(reply.status, 403) << role << ": " << reply.body;
      continue;
    }
    expect_problem(reply, 403, "denied");
    auto const json = *Json::parse(reply.body);
    EXPECT_EQ(json.get_string_or("needed_role", "").value_or(""), needed);
    EXPECT_NE(json.get_string_or("detail", "").value_or("").find("role " + needed),
              std::string::npos);
    EXPECT_EQ(serving().state(), before) << role;
  }
}

std::string const kArtifact = "/api/v1/artifacts/" + std::string(64, '0');
INSTANTIATE_TEST_SUITE_P(
    EveryGroup, Roles,
    testing::Values(Case{"GET", "/api/v1/models", "viewer"},
                    Case{"GET", "/api/v1/models/ic/deltas", "viewer"},
                    Case{"GET", "/api/v1/deltas", "viewer"},
                    Case{"POST", "/api/v1/models/ic/deltas", "operator"},
                    Case{"GET", "/api/v1/devices", "viewer"},
                    Case{"GET", "/api/v1/filters", "viewer"},
                    Case{"GET", "/api/v1/rollouts", "viewer"},
                    Case{"GET", "/api/v1/trust/image/root.json", "viewer"},
                    Case{"PUT", kArtifact, "release_manager"},
                    Case{"POST", "/api/v1/models/ic/releases", "release_manager"},
                    Case{"POST", "/api/v1/models/ic/releases/1.0.0/promote", "release_manager"},
                    Case{"POST", "/api/v1/models/ic/releases/1.0.0/yank", "release_manager"},
                    Case{"PATCH", "/api/v1/devices/cam-1", "operator"},
                    Case{"DELETE", "/api/v1/devices/cam-1", "admin"},
                    Case{"PUT", "/api/v1/filters/f", "operator"},
                    Case{"DELETE", "/api/v1/filters/f", "operator"},
                    Case{"POST", "/api/v1/rollouts", "operator"},
                    Case{"POST", "/api/v1/rollouts/1/start", "operator"},
                    Case{"POST", "/api/v1/rollouts/1/pause", "operator"},
                    Case{"POST", "/api/v1/rollouts/1/resume", "operator"},
                    Case{"POST", "/api/v1/rollouts/1/abort", "operator"},
                    Case{"GET", "/api/v1/enrolment-tokens", "admin"},
                    Case{"POST", "/api/v1/enrolment-tokens", "admin"},
                    Case{"DELETE", "/api/v1/enrolment-tokens/1", "admin"}));

TEST(RoleCounts, RefusalsAreCounted) {
  Serving fresh;
  auto const client = fresh.client_as("viewer");
  EXPECT_EQ(client->request("DELETE", "/api/v1/filters/f").status, 403);
  EXPECT_EQ(fresh.metric("godwit_http_roles_refused_total"), 1u);
  EXPECT_EQ(fresh.metric("godwit_http_refused_total"), 0u) << "it has a valid identity";
}

}  // namespace
}  // namespace godwit::test
