// Clients that are slow, cut their requests, race each other, or are no device: each is answered or
// dropped and counted, holds up nobody else, and leaves nothing behind.
#include <gtest/gtest.h>

#include <thread>

#include "proto/trust/digest.h"
#include "tests/integration/server/http/serving.h"

namespace godwit::test {
namespace {

HttpHeaders const kJson = {{"Content-Type", "application/json"}};

/// Patience for clients that say nothing: short, for these tests wait for its end.
auto impatient() -> server::HttpConfig {
  server::HttpConfig config;
  config.idle_timeout_ms = 1'000;
  config.request_timeout_ms = 1'000;
  return config;
}

auto refilter(std::string const& query) -> std::string {
  return Json::object({{"query", query}}).dump();
}

auto artifact_path(std::string_view content) -> std::string {
  return "/api/v1/artifacts/" + proto::sha256(as_bytes(content)).hex();
}

TEST(SlowClients, AHeaderThatDoesNotEndIsAnswered) {
  Serving serving(impatient());
  auto const slow = serving.client(false);
  ASSERT_TRUE(slow->connect());
  slow->send("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ");
  expect_problem(slow->receive(), 408, "retry");
  EXPECT_TRUE(eventually([&] { return serving.answered(408) == 1; }));
  EXPECT_EQ(serving.client()->request("GET", "/healthz").status, 200);
}

TEST(SlowClients, AByteAtATimeBuysNoMoreTime) {
  Serving serving(impatient());
  auto const slow = serving.client(false);
  ASSERT_TRUE(slow->connect());
  slow->send("GET /healthz HTTP/1.1\r\n");
  // Sends until the server has had enough; the bound is only for a server that never has.
  std::string reply;
  for (int i = 0; i < 600 && reply.empty(); ++i) {
    slow->send("X-" + std::to_string(i) + ": y\r\n");
    reply = slow->receive_some(50);
  }
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 408 ")) << reply;
}

TEST(SlowClients, ABodyThatDoesNotComeIsAnswered) {
  Serving serving(impatient());
  auto const before = serving.state();
  auto const slow = serving.client(false);
  ASSERT_TRUE(slow->connect());
  slow->send("PUT /api/v1/filters/f HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
             serving.token() + "\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{");
  expect_problem(slow->receive(), 408, "retry");
  EXPECT_TRUE(eventually([&] { return serving.answered(408) == 1; }));
  EXPECT_EQ(serving.state(), before);
}

TEST(SlowClients, AnUploadThatStopsIsAnsweredAndLeavesNothing) {
  Serving serving(impatient());
  auto const before = serving.state();
  auto const slow = serving.client(false);
  ASSERT_TRUE(slow->connect());
  slow->send("PUT " + artifact_path("hello, world") +
             " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + serving.token() +
             "\r\nContent-Length: 12\r\n\r\nhello");
  expect_problem(slow->receive(), 408, "retry");
  EXPECT_TRUE(eventually([&] { return serving.state() == before; }));
}

TEST(SlowClients, ManyOfThemHoldUpNobody) {
  Serving serving(impatient());
  std::vector<std::unique_ptr<HttpsClient>> slow;
  for (int i = 0; i < 40; ++i) {
    slow.push_back(serving.client(false));
    ASSERT_TRUE(slow.back()->connect());
    slow.back()->send("GET / HTTP/1.1\r\nX: ");
  }
  EXPECT_EQ(serving.client()->request("GET", "/api/v1/devices").status, 200);
  EXPECT_TRUE(eventually([&] { return serving.answered(408) == slow.size(); }));
}

TEST(SlowClients, OneThatNeverSpokeIsClosedWithoutAWord) {
  Serving serving(impatient());
  auto const idle = serving.client(false);
  ASSERT_TRUE(idle->connect());
  EXPECT_EQ(idle->receive_some(30'000), "");
  EXPECT_EQ(serving.answered(408), 0u);
}

class CutClients : public testing::Test {
 protected:
  /// Sends the beginning of a request and goes.
  void cut(std::string const& beginning) {
    auto const client = serving_.client(false);
    ASSERT_TRUE(client->connect());
    client->send(beginning);
    client->close();
  }
  Serving serving_;
};

TEST_F(CutClients, LeaveNothingWhereverTheyCut) {
  std::string const content = "hello, world";
  auto const filter = refilter("tag==canary");
  auto const requests = {
      "PUT /api/v1/filters/f HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + serving_.token() +
          "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(filter.size()) +
          "\r\n\r\n" + filter,
      "PUT " + artifact_path(content) + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
          serving_.token() + "\r\nContent-Length: 12\r\n\r\n" + content};
  auto const before = serving_.state();
  for (auto const& request : requests)
    for (size_t length = 0; length < request.size(); length += 7) cut(request.substr(0, length));
  EXPECT_EQ(serving_.client()->request("GET", "/api/v1/devices").status, 200);
  EXPECT_EQ(serving_.state(), before);
  for (auto const& request : requests) {
    auto const client = serving_.client(false);
    ASSERT_TRUE(client->connect());
    client->send(request);
    EXPECT_LT(client->receive().status, 300) << "whole, it would have been taken";
  }
}

TEST_F(CutClients, AServerThatAnswersIntoTheVoidLivesOn) {
  for (int i = 0; i < 20; ++i) cut("GET /api/v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(serving_.client()->request("GET", "/api/v1/openapi.json").status, 200);
}

class Operators : public testing::Test {
 protected:
  Serving serving_;
};

TEST_F(Operators, AChangeOfSomethingThatWasChangedMeanwhileGets412) {
  auto const client = serving_.client();
  auto const put = [&](std::string const& query, HttpHeaders headers) {
    headers.push_back(kJson.front());
    return client->request("PUT", "/api/v1/filters/f", refilter(query), headers);
  };
  auto const first = put("tag==a", {});
  ASSERT_EQ(first.status, 200) << first.body;
  auto const seen = first.header("etag");
  EXPECT_EQ(put("tag==b", {{"If-Match", seen}}).status, 200);
  for (auto const* tag : {seen.c_str(), "\"99\"", "W/\"1\"", "1", "\"\"", "\"x\""}) {
    auto const before = serving_.state();
    expect_problem(put("tag==c", {{"If-Match", tag}}), 412, "conflict");
    EXPECT_EQ(serving_.state(), before) << tag;
  }
  expect_problem(put("tag==d", {{"If-None-Match", "*"}}), 412, "conflict");
}

TEST_F(Operators, OfTwoAtOnceExactlyOneIsHeard) {
  auto const first =
      serving_.client()->request("PUT", "/api/v1/filters/f", refilter("tag==a"), kJson);
  auto const seen = first.header("etag");
  constexpr int kOperators = 6;
  std::vector<int> statuses(kOperators);
  std::vector<std::thread> threads;
  for (int i = 0; i < kOperators; ++i)
    threads.emplace_back([&, i] {
      statuses[static_cast<size_t>(i)] =
          serving_.client()
              ->request("PUT", "/api/v1/filters/f", refilter("tag==" + std::to_string(i)),
                        {kJson.front(), {"If-Match", seen}})
              .status;
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), 200), 1);
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), 412), kOperators - 1);
}

TEST_F(Operators, AnIdempotencyKeyIsForOneRequest) {
  serving_.publish("ic", "1.0.0");
  auto const client = serving_.client();
  auto const post = [&](std::string const& channel) {
    return client->request("POST", "/api/v1/models/ic/releases/1.0.0/promote",
                           Json::object({{"channel", channel}}).dump(),
                           {kJson.front(), {"Idempotency-Key", "k-1"}});
  };
  auto const first = post("beta");
  EXPECT_EQ(first.status, 200) << first.body;
  auto const before = serving_.state();
  EXPECT_EQ(post("beta").body, first.body);
  expect_problem(post("stable"), 409, "conflict");
  EXPECT_EQ(serving_.state(), before);
}

class Devices : public testing::Test {
 protected:
  Serving serving_;
};

TEST_F(Devices, WithoutACertificateOfTheDevicesCaNobodyComesIn) {
  auto const series = "godwit_tls_handshakes_failed_total";
  auto const stranger = issue(make_ca("others"), "cam-1");
  // TLS 1.3 tells a client only after its first bytes: no reply is what both have in common.
  EXPECT_EQ(serving_.device_client({})->request("GET", "/device/v1/image/1.root.json").status, 0);
  EXPECT_EQ(serving_.device_client(stranger)->request("GET", "/device/v1/image/1.root.json").status,
            0);
  EXPECT_TRUE(eventually([&] { return serving_.metric(series) == 2; }));
  EXPECT_EQ(serving_.client()->request("GET", "/healthz").status, 200);
}

TEST_F(Devices, ACertificateForNobodyOrForOneThatIsRevokedGets403) {
  auto const nobody = issue(serving_.device_ca(), "nobody");
  expect_problem(serving_.device_client(nobody)->request("GET", "/device/v1/director/targets.json"),
                 403, "denied");
  auto const no_name = issue(serving_.device_ca(), "../../x");
  expect_problem(
      serving_.device_client(no_name)->request("GET", "/device/v1/director/targets.json"), 403,
      "denied");
  auto const own = serving_.enrol("cam-1");
  auto const device = serving_.device_client(own);
  EXPECT_EQ(device->request("GET", "/device/v1/image/1.root.json").status, 200);
  EXPECT_EQ(serving_.client()->request("DELETE", "/api/v1/devices/cam-1").status, 204);
  expect_problem(device->request("GET", "/device/v1/image/1.root.json"), 403, "denied");
  EXPECT_EQ(serving_.metric("godwit_http_refused_total"), 3u);
}

TEST_F(Devices, ACertificateIsRenewedByTheOneBefore) {
  auto const own = serving_.enrol("cam-1");
  auto const post = [&](Credentials const& by, std::string const& csr) {
    return serving_.device_client(by)->request("POST", "/device/v1/certificate",
                                               Json::object({{"csr", csr}}).dump(), kJson);
  };
  auto const reply = post(own, make_csr(own.key, "cam-1"));
  ASSERT_EQ(reply.status, 201) << reply.body;
  Credentials const next{Json::parse(reply.body)->get_string("certificate").value_or(""), own.key};
  EXPECT_NE(next.certificate, own.certificate);
  for (auto const& good : {next, own})
    EXPECT_EQ(serving_.device_client(good)->request("GET", "/device/v1/image/1.root.json").status,
              200);
  expect_problem(post(own, make_csr(make_key(), "cam-1")), 409, "conflict");
  expect_problem(post(own, make_csr(own.key, "cam-2")), 400, "invalid");
  expect_problem(post(own, "nonsense"), 400, "invalid");
  // Another device's certificate is no help with this one's name or key.
  auto const other = serving_.enrol("cam-2");
  expect_problem(post(other, make_csr(own.key, "cam-1")), 400, "invalid");
  expect_problem(post(other, make_csr(own.key, "cam-2")), 409, "conflict");
  EXPECT_EQ(serving_.client()->request("DELETE", "/api/v1/devices/cam-1").status, 204);
  expect_problem(post(next, make_csr(own.key, "cam-1")), 403, "denied");
}

TEST_F(Devices, OperatorsRoutesAreNotTheirs) {
  auto const device = serving_.device_client(serving_.enrol("cam-1"));
  expect_problem(device->request("GET", "/api/v1/devices", "",
                                 {{"Authorization", "Bearer " + serving_.token()}}),
                 404, "not_found");
}

TEST_F(Devices, RangesThatAreWrongGetTheWholeOrAReason) {
  std::string const content = "0123456789";
  auto const path = "/device/v1/blobs/" + proto::sha256(as_bytes(content)).hex();
  ASSERT_EQ(serving_.client()->request("PUT", artifact_path(content), content).status, 201);
  auto const device = serving_.device_client(serving_.enrol("cam-1"));
  auto const get = [&](std::string const& range) {
    return device->request("GET", path, "", {{"Range", range}});
  };
  auto const part = get("bytes=2-4");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "234");
  EXPECT_EQ(part.header("content-range"), "bytes 2-4/10");
  for (auto const* range : {"bytes=10-", "bytes=99999999999999999999999-", "bytes=-0"}) {
    auto const reply = get(range);
    expect_problem(reply, 416, "invalid");
    EXPECT_EQ(reply.header("content-range"), "bytes */10") << range;
  }
  for (auto const* range :
       {"bytes=4-2", "bytes=", "bytes=a-b", "bytes=1-2,4-5", "items=1-2", "bytes=-", "2-4"}) {
    auto const reply = get(range);
    EXPECT_EQ(reply.status, 200) << range;
    EXPECT_EQ(reply.body, content) << range;
  }
  EXPECT_EQ(get("bytes=5-99999999999999999999999").body, "56789");
  for (auto const* name : {"0", "../../keys", "%2e%2e%2fkeys", "ABCDEF"})
    EXPECT_EQ(device->request("GET", std::string("/device/v1/blobs/") + name).status, 400) << name;
  expect_problem(device->request("GET", "/device/v1/blobs/" + std::string(64, '0')), 404,
                 "not_found");
}

}  // namespace
}  // namespace godwit::test
