// One exchange, and everything that can be wrong with it.
#include "cli/client/http.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/integration/cli/client/scripted_server.h"
#include "tests/support/process.h"

namespace godwit::cli {
namespace {

using std::chrono::milliseconds;
using test::Scripted;
using test::ScriptedServer;

class Http : public testing::Test {
 protected:
  Http() { test::write_file(folder_.path() / "ca.crt", ca_.certificate); }

  auto serve(std::vector<Scripted> script) -> ScriptedServer& {
    server_.emplace(test::issue(ca_, "server", true), std::move(script));
    return *server_;
  }
  auto endpoint() const -> Endpoint {
    return {.url = {"127.0.0.1", server_->port()},
            .ca_file = (folder_.path() / "ca.crt").string(),
            .token = "the-token"};
  }
  auto get(HttpOptions const& options = {}) const -> Result<HttpResponse> {
    return exchange(endpoint(), {.method = "GET", .target = "/x"}, options);
  }

  test::TemporaryFolder folder_{"cli-http"};
  test::Credentials ca_ = test::make_ca("servers");
  std::optional<ScriptedServer> server_;
};

TEST_F(Http, AsksWithItsTokenAndHearsTheAnswer) {
  serve({{.answer = test::http(200, "{}", "ETag: \"7\"\r\n")}});
  auto const response = get();
  ASSERT_TRUE(response) << response.error().what;
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "{}");
  EXPECT_EQ(response->headers.at("etag"), "\"7\"");
  auto const request = server_->requests().front();
  EXPECT_TRUE(request.starts_with("GET /x HTTP/1.1\r\n")) << request;
  EXPECT_NE(request.find("Authorization: Bearer the-token\r\n"), std::string::npos);
  EXPECT_NE(request.find("Host: 127.0.0.1:" + std::to_string(server_->port())), std::string::npos);
}

TEST_F(Http, AChunkedBodyIsOneBody) {
  serve({{.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
                    "chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"}});
  EXPECT_EQ(get()->body, "abcd");
}

TEST_F(Http, NobodyListens) {
  serve({{}});
  auto nowhere = endpoint();
  nowhere.url.port = test::free_port();
  auto const response = exchange(nowhere, {.target = "/"});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::retry);
  EXPECT_NE(response.error().what.find("refused"), std::string::npos) << response.error().what;
}

TEST_F(Http, AForeignCaIsNotTrusted) {
  serve({{.answer = test::http(200, "")}});
  test::write_file(folder_.path() / "ca.crt", test::make_ca("others").certificate);
  auto const response = get();
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::denied);
  EXPECT_NE(response.error().what.find("--ca"), std::string::npos) << response.error().what;
  EXPECT_TRUE(server_->requests().empty()) << "the token must not be sent";
}

TEST_F(Http, ACertificateForAnotherNameIsNotTrusted) {
  server_.emplace(test::issue(ca_, "somebody-else"), std::vector<Scripted>{{}});
  auto const response = get();
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::denied);
  EXPECT_TRUE(server_->requests().empty()) << "the token must not be sent";
}

TEST_F(Http, AMissingCaFileIsNamed) {
  serve({{}});
  std::filesystem::remove(folder_.path() / "ca.crt");
  EXPECT_NE(get().error().what.find("ca.crt"), std::string::npos);
}

TEST_F(Http, ACutAnswerIsNoAnswer) {
  auto const whole = test::http(200, "0123456789");
  for (size_t cut : {size_t{0}, size_t{5}, whole.size() - 10, whole.size() - 1})
    for (bool goodbye : {true, false}) {
      serve({{.answer = whole.substr(0, cut), .goodbye = goodbye}});
      auto const response = get();
      ASSERT_FALSE(response) << cut;
      EXPECT_EQ(response.error().code, Code::retry) << response.error().what;
    }
}

TEST_F(Http, AnEndWithoutGoodbyeMayBeACut) {
  serve({{.answer = "HTTP/1.1 200 OK\r\n\r\nall of it?", .goodbye = false}});
  EXPECT_FALSE(get());
  serve({{.answer = "HTTP/1.1 200 OK\r\n\r\nall of it."}});
  EXPECT_EQ(get()->body, "all of it.");
}

TEST_F(Http, WhatIsNotHttpIsCorrupt) {
  for (auto const* answer : {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 abc\r\n\r\n",
                             "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"}) {
    serve({{.answer = answer}});
    EXPECT_EQ(get().error().code, Code::corrupt) << answer;
  }
}

TEST_F(Http, HeadersAndBodiesAreBounded) {
  serve({{.answer = test::http(200, "", "X: " + std::string(100'000, 'x') + "\r\n")}});
  EXPECT_EQ(get().error().code, Code::corrupt);
  serve({{.answer = test::http(200, std::string(1001, 'x'))}});
  EXPECT_EQ(get({.body_bytes_max = 1000}).error().code, Code::corrupt);
}

TEST_F(Http, SilenceHasAnEnd) {
  serve({{.answer = "", .hold_ms = 5000}});
  auto const response = get({.idle_timeout = milliseconds(150)});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::retry);
  EXPECT_NE(response.error().what.find("in time"), std::string::npos);
}

TEST_F(Http, APersonWhoHasEnoughIsHeard) {
  serve({{.answer = "", .hold_ms = 5000}});
  auto const response = get({.on_tick = []() -> Result<> { return conflict("enough"); }});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().what, "enough");
}

TEST_F(Http, AFileIsSentAsItIs) {
  std::string content(3'000'001, '\0');
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7 % 251);
  auto const file = folder_.path() / "artifact";
  test::write_file(file, content);
  serve({{.answer = test::http(201, "")}});
  uint64_t last = 0;
  HttpOptions options;
  options.on_sent = [&](uint64_t sent, uint64_t whole) {
    EXPECT_GE(sent, last);
    EXPECT_EQ(whole, content.size());
    last = sent;
  };
  auto const response =
      exchange(endpoint(), {.method = "PUT", .target = "/a", .body_file = file.string()}, options);
  ASSERT_TRUE(response) << response.error().what;
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(last, content.size());
  auto const request = server_->requests().front();
  EXPECT_EQ(request.substr(request.find("\r\n\r\n") + 4), content);
}

TEST_F(Http, ARefusalBeforeTheEndOfAnUploadIsHeard) {
  auto const file = folder_.path() / "artifact";
  test::write_file(file, std::string(30'000'000, 'x'));
  serve({{.answer = test::http(413, "too large"), .read_body = false, .hold_ms = 500}});
  auto const response =
      exchange(endpoint(), {.method = "PUT", .target = "/a", .body_file = file.string()},
               {.idle_timeout = milliseconds(2000)});
  ASSERT_TRUE(response) << response.error().what;
  EXPECT_EQ(response->status, 413);
}

}  // namespace
}  // namespace godwit::cli
