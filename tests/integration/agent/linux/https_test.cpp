// The agent's fetcher at servers that cut, stall, lie and ramble: what is good is kept, nothing
// else is taken, and everything ends.
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/linux/https_fetcher.h"
#include "tests/integration/cli/client/scripted_server.h"
#include "tests/support/process.h"

namespace godwit::test {
namespace {

using agent::HttpsClient;
using agent::HttpsFetcher;

constexpr agent::HttpsTimes kImpatient = {.idle_ms = 500, .total_ms = 2'000};

class HttpsTest : public testing::Test {
 protected:
  auto serve(std::vector<Scripted> script) -> void {
    server.emplace(issue(ca, "server", true), std::move(script));
  }
  auto fetcher(agent::HttpsTimes times = {}, int interrupt_fd = -1,
               std::string const& host = "127.0.0.1") -> HttpsFetcher {
    write_file(folder.path() / "ca.crt", ca.certificate);
    auto client = HttpsClient::open(
        *agent::Origin::parse("https://" + host + ":" + std::to_string(server->port())),
        {(folder.path() / "ca.crt").string(), "", ""}, times, interrupt_fd);
    EXPECT_TRUE(client);
    return HttpsFetcher(*std::move(client));
  }
  auto document_error(std::string const& answer) -> std::optional<Code> {
    serve({{.answer = answer}});
    auto const got = fetcher(kImpatient).document("/x", 1000);
    return got ? std::nullopt : std::optional(got.error().code);
  }
  auto range_error(std::string const& answer) -> std::optional<Code> {
    serve({{.answer = answer}});
    auto const got = fetcher(kImpatient).range(Sha256(), 100, 50);
    return got ? std::nullopt : std::optional(got.error().code);
  }

  TemporaryFolder folder{"agent"};
  Credentials ca = make_ca("servers");
  std::optional<ScriptedServer> server;
};

TEST_F(HttpsTest, AnArtifactComesWholeFromAServerThatCuts) {
  std::string content;
  for (int i = 0; content.size() < 50'000; ++i) content += std::to_string(i) + ",";
  std::vector<Scripted> script;
  std::vector<size_t> offsets;
  size_t offset = 0;
  for (size_t const sent : {size_t{5'000}, size_t{17'001}, size_t{4'096}, size_t{1'000'000}}) {
    offsets.push_back(offset);
    auto const left = content.substr(offset);
    auto const range = "Content-Range: bytes " + std::to_string(offset) + "-" +
                       std::to_string(content.size() - 1) + "/" + std::to_string(content.size());
    script.push_back({.answer = "HTTP/1.1 206 Partial Content\r\nContent-Length: " +
                                std::to_string(left.size()) + "\r\n" + range + "\r\n\r\n" +
                                left.substr(0, sent),
                      .goodbye = false});
    offset += std::min(sent, left.size());
  }
  serve(script);
  auto fetch = fetcher();
  std::string got;
  for (size_t i = 0; i < script.size(); ++i) {
    auto const piece = fetch.range(Sha256(), got.size(), content.size() - got.size());
    ASSERT_TRUE(piece) << piece.error().what;
    got += as_text(*piece);
  }
  EXPECT_EQ(got, content);
  auto const requests = server->requests();
  ASSERT_EQ(requests.size(), offsets.size());
  for (size_t i = 0; i < offsets.size(); ++i)
    EXPECT_NE(requests[i].find("Range: bytes=" + std::to_string(offsets[i]) + "-"),
              std::string::npos);
}

TEST_F(HttpsTest, ADocumentThatIsCutIsNone) {
  EXPECT_EQ(document_error("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"), Code::retry);
  EXPECT_EQ(document_error("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
            Code::retry);
  EXPECT_EQ(document_error(""), Code::retry);
  EXPECT_EQ(document_error("HTTP/1.1 200 O"), Code::retry);
}

TEST_F(HttpsTest, WhatIsTooLongOrNoHttpIsRefused) {
  EXPECT_EQ(document_error(http(200, std::string(1001, 'x'))), Code::invalid);
  EXPECT_EQ(document_error("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n" +
                           std::string(0x800, 'x')),
            Code::invalid);
  EXPECT_EQ(document_error("SSH-2.0-OpenSSH\r\n\r\n"), Code::corrupt);
  EXPECT_EQ(document_error("HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x')), Code::corrupt);
  EXPECT_EQ(document_error(http(200, "hello") + "HTTP/1.1 200 OK"), Code::corrupt);
}

TEST_F(HttpsTest, StatusesMeanWhatTheySay) {
  EXPECT_EQ(document_error(http(404, "")), Code::not_found);
  EXPECT_EQ(document_error(http(403, "")), Code::denied);
  EXPECT_EQ(document_error(http(302, "", "Location: https://evil/\r\n")), Code::denied);
  EXPECT_EQ(document_error(http(503, "")), Code::retry);
  EXPECT_EQ(document_error(http(200, "fine")), std::nullopt);
}

TEST_F(HttpsTest, OtherRangesThanAskedForAreNotTaken) {
  auto const part = [](char const* range, size_t size) {
    return http(206, std::string(size, 'x'), std::string("Content-Range: ") + range + "\r\n");
  };
  EXPECT_EQ(range_error(part("bytes 100-149/1000", 50)), std::nullopt);
  EXPECT_EQ(range_error(part("bytes 0-49/1000", 50)), Code::retry);
  EXPECT_EQ(range_error(part("bytes 100-150/1000", 51)), Code::retry);
  EXPECT_EQ(range_error(part("bytes 149-100/1000", 50)), Code::corrupt);
  EXPECT_EQ(range_error(part("bytes 100-149/120", 50)), Code::corrupt);
  EXPECT_EQ(range_error(http(206, std::string(50, 'x'))), Code::retry);
  EXPECT_EQ(range_error(http(200, std::string(1000, 'x'))), Code::retry);
  serve({{.answer = part("bytes 100-149/1000", 500)}});
  auto const got = fetcher().range(Sha256(), 100, 50);
  EXPECT_TRUE(!got || got->size() <= 50);
}

TEST_F(HttpsTest, SilenceHasAnEnd) {
  serve({{.answer = "", .hold_ms = 60'000}});
  auto const got = fetcher(kImpatient).document("/x", 1000);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::retry);
}

TEST_F(HttpsTest, AStopEndsEveryWait) {
  serve({{.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", .hold_ms = 60'000}});
  int const stop = ::eventfd(1, EFD_CLOEXEC);
  auto const got = fetcher({}, stop).document("/x", 1000);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::retry);
  ::close(stop);
}

TEST_F(HttpsTest, OnlyTheServerThatItShouldBeIsSpokenTo) {
  serve({{.answer = http(200, "secret")}});
  ca = make_ca("servers");  // another one of the same name
  EXPECT_EQ(fetcher(kImpatient).document("/x", 1000).error().code, Code::denied);
  ca = make_ca("servers");
  server.emplace(issue(ca, "elsewhere"), std::vector<Scripted>{{.answer = http(200, "secret")}});
  EXPECT_EQ(fetcher(kImpatient).document("/x", 1000).error().code, Code::denied);
  EXPECT_TRUE(server->requests().empty());
}

}  // namespace
}  // namespace godwit::test
