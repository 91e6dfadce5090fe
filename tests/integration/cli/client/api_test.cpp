// Problems, repeats, pages and event streams over real TLS.
#include "cli/client/api.h"

#include <gtest/gtest.h>

#include "tests/integration/cli/client/scripted_server.h"
#include "tests/support/process.h"

namespace godwit::cli {
namespace {

using test::http;
using test::Scripted;
using test::ScriptedServer;

class ApiTest : public testing::Test {
 protected:
  ApiTest() { test::write_file(folder_.path() / "ca.crt", ca_.certificate); }

  auto serve(std::vector<Scripted> script) -> Api {
    server_.emplace(test::issue(ca_, "server", true), std::move(script));
    return Api({.url = {"localhost", server_->port()},
                .ca_file = (folder_.path() / "ca.crt").string(),
                .token = "t"});
  }
  auto header(size_t request, std::string const& name) const -> std::string {
    auto const text = server_->requests().at(request);
    size_t const at = text.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    size_t const start = at + name.size() + 4;
    return text.substr(start, text.find("\r\n", start) - start);
  }

  test::TemporaryFolder folder_{"cli-api"};
  test::Credentials ca_ = test::make_ca("servers");
  std::optional<ScriptedServer> server_;
};

auto problem_answer(int status, std::string const& detail) -> std::string {
  return http(status, R"({"title":"T","detail":")" + detail + R"(","request_id":"r-1"})",
              "Content-Type: application/problem+json\r\n");
}

TEST_F(ApiTest, ProblemsBecomeErrorsOfTheirKind) {
  struct Case {
    int status;
    Code code;
    char const* what;
  };
  Case const cases[] = {{400, Code::invalid, "why"},
                        {401, Code::denied,
                         "why; check the token: --token-file, GODWIT_TOKEN or godwit context show"},
                        {403, Code::denied, "why"},
                        {404, Code::not_found, "why"},
                        {409, Code::conflict, "why"},
                        {412, Code::conflict, "why; read it again, then repeat"},
                        {413, Code::invalid, "why"},
                        {500, Code::internal, "why (request r-1)"}};
  for (auto const& one : cases) {
    auto const api = serve({{.answer = problem_answer(one.status, "why")}});
    auto const error = api.get("/x").error();
    EXPECT_EQ(error.code, one.code) << one.status;
    EXPECT_EQ(error.what, one.what);
    EXPECT_EQ(server_->requests().size(), 1u) << "repeating it would not help";
  }
}

TEST_F(ApiTest, AnErrorThatIsNoProblemDocumentIsStillAnError) {
  EXPECT_EQ(serve({{.answer = http(404, "<html>")}}).get("/x").error().what,
            "the server answered 404");
  EXPECT_EQ(serve({{.answer = problem_answer(400, "")}}).get("/x").error().what, "T");
  EXPECT_EQ(serve({{.answer = http(200, "<html>")}}).get("/x").error().code, Code::corrupt);
}

TEST_F(ApiTest, RedirectsAreNotFollowed) {
  auto const api = serve({{.answer = http(302, "", "Location: https://elsewhere.example/\r\n")}});
  EXPECT_NE(api.get("/x").error().what.find("redirect"), std::string::npos);
  EXPECT_EQ(server_->requests().size(), 1u);
}

TEST_F(ApiTest, WhatFailsInPassingIsRepeatedAsOneRequest) {
  auto const api = serve({{.answer = problem_answer(503, "later")},
                          {.answer = "HTTP/1.1 200 OK\r\nContent-Le"},
                          {.answer = http(201, R"({"id":1})")}});
  auto const made = api.post("/x", Json::object({{"a", 1}}));
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_EQ(made->dump(), R"({"id":1})");
  ASSERT_EQ(server_->requests().size(), 3u);
  EXPECT_EQ(header(0, "idempotency-key").size(), 32u);
  EXPECT_EQ(header(0, "idempotency-key"), header(2, "idempotency-key"));
  EXPECT_TRUE(server_->requests().at(2).ends_with("\r\n\r\n{\"a\":1}"));
  ASSERT_TRUE(api.post("/x", Json::object()));
  EXPECT_NE(header(0, "idempotency-key"), header(3, "idempotency-key"));
}

TEST_F(ApiTest, RepeatingHasAnEnd) {
  auto const api = serve({{.answer = problem_answer(503, "never")}});
  EXPECT_EQ(api.get("/x").error().what, "never (request r-1)");
  EXPECT_EQ(server_->requests().size(), 4u);
  EXPECT_FALSE(api.hurried().get("/x"));
  EXPECT_EQ(server_->requests().size(), 5u);
}

TEST_F(ApiTest, PagesAreJoined) {
  auto const api = serve({{.answer = http(200, R"({"items":[1,2],"next":"a b"})")},
                          {.answer = http(200, R"({"items":[3],"next":null})")}});
  EXPECT_EQ(api.list("/x?q=1")->dump(), "[1,2,3]");
  EXPECT_TRUE(server_->requests().at(0).starts_with("GET /x?q=1&limit=500 "));
  EXPECT_TRUE(server_->requests().at(1).starts_with("GET /x?q=1&limit=500&cursor=a%20b "));

  auto const limited = serve({{.answer = http(200, R"({"items":[1,2],"next":"x"})")}});
  EXPECT_EQ(limited.list("/x", 2)->dump(), "[1,2]");
  EXPECT_EQ(serve({{.answer = http(200, "{}")}}).list("/x").error().code, Code::invalid);
}

TEST_F(ApiTest, AChangeNamesWhatItChanges) {
  auto const api = serve({{.answer = http(200, "{}", "ETag: \"5\"\r\n")}});
  auto const before = api.get_tagged("/x");
  ASSERT_TRUE(api.patch("/x", Json::object(), before->etag));
  EXPECT_EQ(header(1, "if-match"), "\"5\"");
}

auto stream(std::string const& events) -> std::string {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + events;
}

TEST_F(ApiTest, ABrokenStreamGoesOnAfterItsLastEvent) {
  auto const api = serve({{.answer = stream("id: 1\ndata: a\n\nid: 2\ndata: lost in the midd")},
                          {.answer = http(503, "")},
                          {.answer = stream(": hello\n\nid: 2\ndata: b\n\nid: 3\ndata: end\n\n")}});
  std::string heard;
  int opened = 0;
  int lost = 0;
  Api::Follow follow;
  follow.on_open = [&]() -> Result<> {
    ++opened;
    return {};
  };
  follow.on_lost = [&](Error const&) { ++lost; };
  follow.on_event = [&](Event const& event) -> Result<bool> {
    heard += event.data + " ";
    return event.data != "end";
  };
  auto const followed = api.follow("/events", follow);
  EXPECT_TRUE(followed) << followed.error().what;
  EXPECT_EQ(heard, "a b end ");
  EXPECT_EQ(opened, 2);
  EXPECT_EQ(lost, 2);
  EXPECT_EQ(header(0, "last-event-id"), "");
  EXPECT_EQ(header(1, "last-event-id"), "1");
  EXPECT_EQ(header(2, "last-event-id"), "1");
}

TEST_F(ApiTest, WhatFailsInPassingAsAStreamBeginsIsNoEnd) {
  auto const api = serve({{.answer = stream("data: a\n\n")}});
  Api::Follow follow;
  int opened = 0;
  follow.on_open = [&]() -> Result<> {
    if (++opened == 1) return retry("the server is gone again");
    return {};
  };
  follow.on_event = [](Event const&) -> Result<bool> { return false; };
  EXPECT_TRUE(api.follow("/events", follow));
  EXPECT_EQ(opened, 2);

  follow.on_open = []() -> Result<> { return denied("the token is revoked"); };
  EXPECT_EQ(api.follow("/events", follow).error().what, "the token is revoked");
}

TEST_F(ApiTest, AStreamThatIsRefusedIsNotTriedAgain) {
  auto const api = serve({{.answer = problem_answer(404, "no such rollout")}});
  Api::Follow follow;
  follow.on_event = [](Event const&) -> Result<bool> { return true; };
  EXPECT_EQ(api.follow("/events", follow).error().what, "no such rollout");
  EXPECT_EQ(server_->requests().size(), 1u);
}

TEST_F(ApiTest, AFollowerCanStopWhileNothingComes) {
  auto const api = serve({{.answer = stream("data: a\n\n"), .hold_ms = 5000}});
  Api::Follow follow;
  int ticks = 0;
  follow.on_event = [](Event const&) -> Result<bool> { return true; };
  follow.on_tick = [&]() -> Result<> {
    if (++ticks < 3) return {};
    return retry("the time is over");
  };
  EXPECT_EQ(api.follow("/events", follow).error().what, "the time is over");
}

}  // namespace
}  // namespace godwit::cli
