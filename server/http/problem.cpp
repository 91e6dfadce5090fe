#include "server/http/problem.h"

#include "proto/base/utf8.h"

namespace godwit::server {
namespace {

constexpr size_t kDetailMax = 1000;

auto problem_json(unsigned status, std::string_view code, std::string const& detail,
                  std::string_view request_id) -> Json {
  return Json::object({{"type", "about:blank"},
                       {"title", std::string(reason_phrase(status))},
                       {"status", static_cast<int64_t>(status)},
                       {"detail", as_utf8(detail, kDetailMax)},
                       {"code", std::string(code)},
                       {"request_id", std::string(request_id)}});
}

auto problem_response(unsigned status, Json const& json) -> Response {
  auto response = json_response(status, json);
  response.headers[0].value = "application/problem+json";
  if (status == 503) response.headers.push_back({"Retry-After", "1"});
  return response;
}

}  // namespace

auto status_of(Code code) -> unsigned {
  switch (code) {
    case Code::invalid:
      return 400;
    case Code::denied:
      return 403;
    case Code::not_found:
      return 404;
    case Code::conflict:
      return 409;
    case Code::corrupt:
      return 400;
    case Code::retry:
      return 503;
    case Code::internal:
      return 500;
  }
  return 500;
}

auto problem(unsigned status, std::string_view code, std::string detail,
             std::string_view request_id) -> Response {
  return problem_response(status, problem_json(status, code, detail, request_id));
}

auto role_problem(std::string_view token, std::string_view has, std::string_view needed,
                  std::string_view request_id) -> Response {
  auto const detail = "this needs the role " + std::string(needed) + "; the token '" +
                      std::string(token) + "' has the role " + std::string(has);
  auto json = problem_json(403, to_string(Code::denied), detail, request_id);
  json.set("needed_role", std::string(needed));
  return problem_response(403, json);
}

auto problem(Error const& error, std::string_view request_id) -> Response {
  auto const status = status_of(error.code);
  auto detail =
      error.code == Code::internal ? "the server failed; its log has the request id" : error.what;
  return problem(status, to_string(error.code), std::move(detail), request_id);
}

}  // namespace godwit::server
