#include "server/http/dispatch.h"

#include <gtest/gtest.h>

#include "server/http/problem.h"

namespace godwit::server {
namespace {

/// Keeps answers in memory, as the service keeps them in the database.
class MemoryAnswers : public AnswerStore {
 public:
  auto begin(Principal const&, std::string_view key, Sha256 const& content)
      -> Result<std::optional<Tokens::Answer>> override {
    auto const [entry, is_new] = entries_.try_emplace(std::string(key), Entry{content, {}});
    if (is_new) return std::optional<Tokens::Answer>();
    if (entry->second.content != content) return conflict("another content");
    return entry->second.answer;
  }
  auto finish(Principal const&, std::string_view key, Tokens::Answer const& answer)
      -> Result<> override {
    entries_.find(key)->second.answer = answer;
    return {};
  }
  auto drop(Principal const&, std::string_view key) -> Result<> override {
    entries_.erase(std::string(key));
    return {};
  }

 private:
  struct Entry {
    Sha256 content;
    std::optional<Tokens::Answer> answer;
  };
  std::map<std::string, Entry, std::less<>> entries_;
};

class DispatchTest : public testing::Test {
 protected:
  DispatchTest() {
    router_.add({"GET", "/open", Access::open,
                 [](Call const&) { return json_response(200, Json::object()); }});
    router_.add({"POST", "/things", Access::operate, [this](Call const& call) {
                   ++made_;
                   return make(call);
                 }});
    router_.add({"GET", "/things/{id}.json", Access::look, [](Call const& call) {
                   return json_response(200, Json::object({{"id", call.param("id")}}));
                 }});
    router_.add({"DELETE", "/things/{id}.json", Access::administer,
                 [](Call const&) -> Result<Response> { return internal("secret detail"); }});
    router_.add({"GET", "/device", Access::device,
                 [](Call const&) { return json_response(200, Json::object()); }});
  }

  static auto make(Call const& call) -> Result<Response> {
    TRY(auto const body, call.json());
    TRY(auto const name, body.get_string("name"));
    return json_response(201, Json::object({{"name", name}})).with("ETag", "\"1\"");
  }

  auto send(std::string method, std::string target, std::string body = "",
            std::vector<Header> headers = {{"Authorization", "good"}}) -> Response {
    Request const request{std::move(method), std::move(target), std::move(headers),
                          std::move(body),   "req-1",           ""};
    auto routed = dispatcher_.route(request);
    if (routed.refusal) return *routed.refusal;
    return dispatcher_.handle(routed);
  }

  static auto header(Response const& response, std::string_view name) -> std::string {
    for (auto const& one : response.headers)
      if (one.name == name) return one.value;
    return "";
  }

  int made_ = 0;
  Router router_;
  MemoryAnswers answers_;
  Metrics metrics_;
  Dispatcher dispatcher_{
      router_,
      [](Access access, Call& call) -> Result<> {
        if (access == Access::open) return {};
        if (call.request.header("authorization") != "good") return denied("not known");
        auto const role = call.request.header("X-Role");
        call.principal = {1, "somebody", role.empty() ? "admin" : std::string(role)};
        return {};
      },
      answers_, metrics_};
};

TEST_F(DispatchTest, FindsRoutesAndTheirParameters) {
  auto const response = send("GET", "/things/a%20b.json");
  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(response.body, "{\"id\":\"a b\"}\n");
  EXPECT_EQ(send("GET", "/things/.json").status, 404u);
  EXPECT_EQ(send("HEAD", "/open").status, 200u);
  EXPECT_EQ(send("GET", "/nothing").status, 404u);
  EXPECT_EQ(send("GET", "/open/").status, 400u);
}

TEST_F(DispatchTest, OtherMethodsAreToldWhichThereAre) {
  auto const response = send("PUT", "/things/a.json");
  EXPECT_EQ(response.status, 405u);
  EXPECT_EQ(header(response, "Allow"), "GET, HEAD, DELETE");
}

TEST_F(DispatchTest, IdentityComesFirst) {
  auto const response = send("GET", "/things/a.json", "", {});
  EXPECT_EQ(response.status, 401u);
  EXPECT_EQ(header(response, "WWW-Authenticate"), "Bearer");
  EXPECT_EQ(send("GET", "/device", "", {}).status, 403u);
  EXPECT_EQ(send("GET", "/open", "", {}).status, 200u);
}

TEST_F(DispatchTest, ProblemsCarryCodeAndRequestIdButNoSecret) {
  auto const refused = send("POST", "/things", "{}");
  EXPECT_EQ(refused.status, 400u);
  EXPECT_EQ(header(refused, "Content-Type"), "application/problem+json");
  auto const body = Json::parse(refused.body);
  ASSERT_TRUE(body);
  EXPECT_EQ(*body->get_string("code"), "invalid");
  EXPECT_EQ(*body->get_string("request_id"), "req-1");
  EXPECT_NE(body->get_string("detail")->find("name"), std::string::npos);

  auto const failed = send("DELETE", "/things/a.json");
  EXPECT_EQ(failed.status, 500u);
  EXPECT_EQ(failed.body.find("secret"), std::string::npos);
}

TEST_F(DispatchTest, BodiesMustBeJsonObjects) {
  for (auto const* body :
       {"", "[]", "null", "{\"name\":\"a\"", "{\"name\":7}", "{\"a\":1,\"a\":2}"})
    EXPECT_EQ(send("POST", "/things", body).status, 400u) << body;
  EXPECT_EQ(send("POST", "/things", "{\"name\":\"a\"}",
                 {{"Authorization", "good"}, {"Content-Type", "text/plain"}})
                .status,
            400u);
  EXPECT_EQ(send("POST", "/things", "{\"name\":\"a\"}",
                 {{"Authorization", "good"}, {"Content-Type", "application/json; charset=utf-8"}})
                .status,
            201u);
}

TEST_F(DispatchTest, AnIdempotencyKeyMakesARequestCountOnce) {
  std::vector<Header> const headers = {{"Authorization", "good"}, {"Idempotency-Key", "k"}};
  auto const first = send("POST", "/things", "{\"name\":\"a\"}", headers);
  auto const again = send("POST", "/things", "{\"name\":\"a\"}", headers);
  EXPECT_EQ(first.status, 201u);
  EXPECT_EQ(again.status, 201u);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(header(again, "ETag"), "\"1\"");
  EXPECT_EQ(made_, 1);
  EXPECT_EQ(send("POST", "/things", "{\"name\":\"b\"}", headers).status, 409u);
}

TEST_F(DispatchTest, ARefusedRequestMayBeCorrectedUnderItsKey) {
  std::vector<Header> const headers = {{"Authorization", "good"}, {"Idempotency-Key", "k"}};
  EXPECT_EQ(send("POST", "/things", "{}", headers).status, 400u);
  EXPECT_EQ(send("POST", "/things", "{\"name\":\"a\"}", headers).status, 201u);
}

TEST(Problem, EachKindOfErrorHasOneStatus) {
  std::pair<Code, unsigned> const cases[] = {
      {Code::invalid, 400}, {Code::denied, 403}, {Code::not_found, 404}, {Code::conflict, 409},
      {Code::corrupt, 400}, {Code::retry, 503},  {Code::internal, 500}};
  for (auto const& [code, status] : cases) EXPECT_EQ(status_of(code), status);
}

TEST(Message, HeadsAreSerialised) {
  Response response;
  response.status = 206;
  response.headers = {{"ETag", "\"a\""}};
  EXPECT_EQ(serialise_head(response, 7, false, 1795507200),
            "HTTP/1.1 206 Partial Content\r\nDate: Tue, 24 Nov 2026 08:00:00 GMT\r\n"
            "ETag: \"a\"\r\nContent-Length: 7\r\nConnection: close\r\n"
            "X-Content-Type-Options: nosniff\r\n\r\n");
  response.status = 204;
  EXPECT_EQ(serialise_head(response, 0, true, 0).find("Content-Length"), std::string::npos);
  response.status = 200;
  EXPECT_NE(serialise_head(response, std::nullopt, true, 0).find("Transfer-Encoding: chunked"),
            std::string::npos);
}

TEST_F(DispatchTest, ARoleThatDoesNotAllowItIsTold) {
  auto const as = [this](std::string const& role, std::string method, std::string target) {
    return send(
        std::move(method), std::move(target), R"({"name":"n"})",
        {{"Authorization", "good"}, {"X-Role", role}, {"Content-Type", "application/json"}});
  };
  for (auto const* role : {"viewer", "operator", "release_manager", "admin"})
    EXPECT_EQ(as(role, "GET", "/things/a.json").status, 200u) << role;
  EXPECT_EQ(as("operator", "POST", "/things").status, 201u);
  EXPECT_EQ(as("admin", "POST", "/things").status, 201u);
  EXPECT_EQ(made_, 2);
  for (auto const* role : {"viewer", "release_manager", "king"}) {
    auto const refused = as(role, "POST", "/things");
    EXPECT_EQ(refused.status, 403u) << role;
    auto const json = *Json::parse(refused.body);
    EXPECT_EQ(*json.get_string("needed_role"), "operator");
    EXPECT_EQ(
        *json.get_string("detail"),
        "this needs the role operator; the token 'somebody' has the role " + std::string(role));
  }
  EXPECT_EQ(made_, 2) << "nothing ran";
  EXPECT_EQ(as("king", "GET", "/things/a.json").status, 403u);
  EXPECT_EQ(as("operator", "DELETE", "/things/a.json").status, 403u);
}

}  // namespace
}  // namespace godwit::server
