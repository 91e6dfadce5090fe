// Bad requests to the operators' listener: each gets a problem with a stable code and an id, is
// counted, changes nothing, and the server lives on.
#include <gtest/gtest.h>

#include <set>

#include "proto/base/limits.h"
#include "tests/integration/server/http/serving.h"

namespace godwit::test {
namespace {

auto serving() -> Serving& {
  static Serving shared;
  return shared;
}

/// Runs at the end of the program, before PostgreSQL goes.
struct Bad {
  std::string name;
  std::string request;  // $TOKEN is replaced
  int status;
  std::string code;
};

void PrintTo(Bad const& bad, std::ostream* out) {
  *out << bad.name;
}

auto filled(std::string text) -> std::string {
  for (auto at = text.find("$TOKEN"); at != std::string::npos; at = text.find("$TOKEN"))
    text.replace(at, 6, serving().token());
  return text;
}

void expect_refused(Bad const& bad) {
  auto const before = serving().state();
  auto const counted = serving().answered(bad.status);
  auto const client = serving().client(false);
  ASSERT_TRUE(client->connect());
  client->send(filled(bad.request));
  expect_problem(client->receive(), bad.status, bad.code);
  EXPECT_TRUE(eventually([&] { return serving().answered(bad.status) == counted + 1; }));
  EXPECT_EQ(serving().state(), before);
  EXPECT_EQ(serving().client()->request("GET", "/api/v1/devices").status, 200);
}

class Refused : public testing::TestWithParam<Bad> {};
TEST_P(Refused, WithAProblem) {
  expect_refused(GetParam());
}

constexpr char kEnd[] = "Host: x\r\nAuthorization: Bearer $TOKEN\r\n\r\n";
auto get(std::string const& target) -> std::string {
  return "GET " + target + " HTTP/1.1\r\n" + kEnd;
}
auto with_body(std::string const& start, std::string const& body,
               std::string const& type = "application/json") -> std::string {
  return start + " HTTP/1.1\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + kEnd + body;
}
auto put_filter(std::string const& body, std::string const& type = "application/json")
    -> std::string {
  return with_body("PUT /api/v1/filters/f", body, type);
}
auto chunked(std::string const& body) -> std::string {
  return std::string(
             "PUT /api/v1/filters/f HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
             "Content-Type: application/json\r\n") +
         kEnd + body;
}
auto one_chunk(std::string const& body) -> std::string {
  char size[20];
  std::snprintf(size, sizeof size, "%zx", body.size());
  return size + std::string("\r\n") + body + "\r\n0\r\n\r\n";
}

std::string const kLarge(limits::kRequestBodyBytesMax + 1, ' ');

INSTANTIATE_TEST_SUITE_P(
    Syntax, Refused,
    testing::Values(
        Bad{"NotHttp", "\x16\x03\x01 hello\r\n\r\n", 400, "invalid"},
        Bad{"NoHost", "GET /healthz HTTP/1.1\r\n\r\n", 400, "invalid"},
        Bad{"AnotherVersion", "GET /healthz HTTP/3.0\r\nHost: x\r\n\r\n", 400, "invalid"},
        Bad{"NoColon", "GET /healthz HTTP/1.1\r\nHost x\r\n\r\n", 400, "invalid"},
        Bad{"BlankBeforeColon", "GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n", 400, "invalid"},
        Bad{"TwoLengths",
            "PUT /api/v1/filters/f HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
            "Content-Length: 6\r\n\r\nhello!",
            400, "invalid"},
        Bad{"NegativeLength",
            "PUT /api/v1/filters/f HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400,
            "invalid"},
        Bad{"LengthPastEveryNumber",
            "PUT /api/v1/filters/f HTTP/1.1\r\nHost: x\r\n"
            "Content-Length: 99999999999999999999999\r\n\r\n",
            400, "invalid"},
        Bad{"LengthAndChunks",
            "PUT /api/v1/filters/f HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400, "invalid"},
        Bad{"ChunkOfNoSize", chunked("zz\r\nhello\r\n0\r\n\r\n"), 400, "invalid"},
        Bad{"ChunkWithoutItsEnd", chunked("5\r\nhelloX0\r\n\r\n"), 400, "invalid"},
        Bad{"LongHeader",
            "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + std::string(20'000, 'a') + "\r\n\r\n",
            431, "invalid"},
        Bad{"LongTarget", get("/" + std::string(20'000, 'a')), 431, "invalid"},
        Bad{"LargeBody", put_filter(kLarge), 413, "invalid"},
        Bad{"LargeChunkedBody", chunked(one_chunk(kLarge)), 413, "invalid"},
        Bad{"LengthOfALargeBody",
            "PUT /api/v1/filters/f HTTP/1.1\r\nExpect: 100-continue\r\n"
            "Content-Length: 1000000000000\r\n" +
                std::string(kEnd),
            413, "invalid"}),
    [](auto const& bad) { return bad.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Path, Refused,
    testing::Values(
        Bad{"Dots", get("/api/../healthz"), 400, "invalid"},
        Bad{"EscapedDots", get("/%2e%2e/%2e%2e/etc/passwd"), 400, "invalid"},
        Bad{"DotsInAName", get("/api/v1/devices/..%2f..%2fetc%2fpasswd"), 400, "invalid"},
        Bad{"DotsForAnArtifact", with_body("PUT /api/v1/artifacts/..%2f..%2fkeys", "x"), 400,
            "invalid"},
        Bad{"Nul", get("/api/v1/devices/a%00b"), 400, "invalid"},
        Bad{"LineEnd", get("/api/v1/devices/a%0d%0aSet-Cookie:b"), 400, "invalid"},
        Bad{"DoubleSlash", get("//healthz"), 400, "invalid"},
        Bad{"BrokenEscape", get("/api/v1/devices/%4"), 400, "invalid"},
        Bad{"NoUtf8", get("/api/v1/filters/%ff%fe"), 400, "invalid"},
        Bad{"NoUtf8InAParameter", get("/api/v1/devices?%ff=1&%ff=2"), 400, "invalid"},
        Bad{"NoUtf8InAFilter", get("/api/v1/devices?q=id==%ff"), 400, "invalid"},
        Bad{"AbsoluteForm", get("https://x/healthz"), 400, "invalid"},
        Bad{"Asterisk", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid"},
        Bad{"Unknown", get("/api/v2/devices"), 404, "not_found"},
        Bad{"UnknownDevice", get("/api/v1/devices/nobody"), 404, "not_found"},
        Bad{"Method", "DELETE /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed"},
        Bad{"UnknownMethod", "BREW /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 405,
            "method_not_allowed"}),
    [](auto const& bad) { return bad.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Identity, Refused,
    testing::Values(
        Bad{"NoToken", "GET /api/v1/devices HTTP/1.1\r\nHost: x\r\n\r\n", 401, "unauthenticated"},
        Bad{"WrongToken",
            "GET /api/v1/devices HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer gwt_0\r\n\r\n", 401,
            "unauthenticated"},
        Bad{"AnotherScheme",
            "GET /api/v1/devices HTTP/1.1\r\nHost: x\r\nAuthorization: Basic $TOKEN\r\n\r\n", 401,
            "unauthenticated"},
        Bad{"TokenInTheTarget", "GET /api/v1/devices?token=$TOKEN HTTP/1.1\r\nHost: x\r\n\r\n", 401,
            "unauthenticated"},
        Bad{"UploadWithoutToken",
            "PUT /api/v1/artifacts/" + std::string(64, '0') +
                " HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
            401, "unauthenticated"}),
    [](auto const& bad) { return bad.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Content, Refused,
    testing::Values(
        Bad{"NoBody", put_filter(""), 400, "invalid"},
        Bad{"AnotherType", put_filter(R"({"query":""})", "text/plain"), 400, "invalid"},
        Bad{"BrokenJson", put_filter(R"({"query":)"), 400, "invalid"},
        Bad{"JsonOfAnotherShape", put_filter("[]"), 400, "invalid"},
        Bad{"KeyTwice", put_filter(R"({"query":"","query":"tag==a"})"), 400, "invalid"},
        Bad{"DeepJson", put_filter(std::string(5000, '[')), 400, "invalid"},
        Bad{"WrongMember", put_filter(R"({"query":5})"), 400, "invalid"},
        Bad{"NoMember", put_filter("{}"), 400, "invalid"},
        Bad{"NoUtf8", put_filter("{\"query\":\"id==\xff\"}"), 400, "invalid"},
        Bad{"BrokenFilter", put_filter(R"({"query":"id=="})"), 400, "invalid"},
        Bad{"Limit", get("/api/v1/devices?limit=0"), 400, "invalid"},
        Bad{"LimitPastTheMost", get("/api/v1/devices?limit=1000000"), 400, "invalid"},
        Bad{"EnrolWithAWrongToken",
            with_body("POST /api/v1/enrol", Json::object({{"token", "no"},
                                                          {"device_id", "cam-1"},
                                                          {"csr", make_csr(make_key(), "cam-1")},
                                                          {"sealing_key", to_base64(Bytes(32, 9))},
                                                          {"hardware_id", "cam-v2"}})
                                                .dump()),
            403, "denied"},
        Bad{"EnrolWithoutARequest",
            with_body("POST /api/v1/enrol",
                      R"({"token":"no","device_id":"../x","csr":"","sealing_key":"",)"
                      R"("hardware_id":""})"),
            400, "invalid"},
        Bad{"ArtifactOfAnotherHash",
            with_body("PUT /api/v1/artifacts/" + std::string(64, '0'), "hello"), 400, "invalid"},
        Bad{"LongIdempotencyKey",
            "POST /api/v1/rollouts HTTP/1.1\r\nContent-Type: application/json\r\n"
            "Content-Length: 2\r\nIdempotency-Key: " +
                std::string(300, 'k') + "\r\n" + kEnd + "{}",
            400, "invalid"},
        Bad{"IfMatchThatIsNoTag",
            "DELETE /api/v1/filters/f HTTP/1.1\r\nIf-Match: 1\r\n" + std::string(kEnd), 404,
            "not_found"}),
    [](auto const& bad) { return bad.param.name; });

TEST(Refusals, EachHasAnIdOfItsOwn) {
  auto const client = serving().client();
  std::set<std::string> ids;
  for (int i = 0; i < 10; ++i)
    ids.insert(Json::parse(client->request("GET", "/nowhere").body)
                   ->get_string("request_id")
                   .value_or(""));
  EXPECT_EQ(ids.size(), 10u);
}

TEST(Refusals, AMethodThatIsNotThereNamesThoseThatAre) {
  auto const reply = serving().client()->request("POST", "/healthz");
  expect_problem(reply, 405, "method_not_allowed");
  EXPECT_NE(reply.header("allow").find("GET"), std::string::npos);
}

TEST(Refusals, AConnectionGoesOnAfterARefusalThatTookTheBody) {
  auto const client = serving().client();
  ASSERT_TRUE(client->connect());
  for (int i = 0; i < 3; ++i) {
    client->send(filled(put_filter("{")));
    expect_problem(client->receive(), 400, "invalid");
  }
}

}  // namespace
}  // namespace godwit::test
