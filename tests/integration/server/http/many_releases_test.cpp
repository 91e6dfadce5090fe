// A repository of thousands of releases: its targets.json goes with every push. Memory for it is
// for those that may publish.
#include <gtest/gtest.h>

#include "proto/base/limits.h"
#include "server/http/router.h"
#include "tests/integration/server/http/serving.h"

namespace godwit::test {
namespace {

TEST(ManyReleases, OneMoreIsPushedWhenTheRepositoryIsNearItsBound) {
  Serving serving;
  serving.publish("ic", "1.0.0");
  auto const bytes = serving.grow_repository(5'000);
  EXPECT_GT(bytes, limits::kRequestBodyBytesMax * 2);
  EXPECT_LT(bytes, limits::kMetadataBytesMax);
  serving.publish("ic", "1.1.0");
  auto const listed = serving.client()->request("GET", "/api/v1/models/ic/releases");
  EXPECT_NE(listed.body.find("\"1.1.0\""), std::string::npos) << listed.body;
  auto const device = serving.device_client(serving.enrol("cam-1"));
  EXPECT_GT(device->request("GET", "/device/v1/image/targets.json").body.size(), bytes);
}

TEST(ManyReleases, ALargeBodyIsForThoseThatMayPublish) {
  Serving serving;
  auto const head = [](std::string const& path, std::string const& token, size_t size) {
    return "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" +
           "Authorization: Bearer " + token + "\r\nContent-Length: " + std::to_string(size) +
           "\r\n\r\n";
  };
  // Nothing of the body is sent: who is refused is refused at once.
  auto const answer = [&](std::string const& path, std::string const& token, size_t size) {
    auto const client = serving.client(false);
    EXPECT_TRUE(client->connect());
    client->send(head(path, token, size));
    return client->receive();
  };
  std::string const releases = "/api/v1/models/ic/releases";
  auto const large = server::kReleaseBodyBytesMax;
  expect_problem(answer(releases, "wrong", large), 401, "unauthenticated");
  expect_problem(answer(releases, serving.token_of("viewer"), large), 403, "denied");
  expect_problem(answer(releases, serving.token_of("operator"), large), 403, "denied");
  expect_problem(answer(releases, serving.token_of("release_manager"), large + 1), 413, "invalid");
  expect_problem(answer("/api/v1/rollouts", serving.token(), limits::kRequestBodyBytesMax + 1), 413,
                 "invalid");
  EXPECT_TRUE(eventually([&] { return serving.answered(413) == 2; }));
}

}  // namespace
}  // namespace godwit::test
