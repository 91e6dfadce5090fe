#include "server/http/dispatch.h"

#include "proto/trust/digest.h"
#include "server/domain/roles.h"
#include "server/http/problem.h"
#include "server/runtime/log.h"

namespace godwit::server {
namespace {

constexpr size_t kIdempotencyKeyMax = 128;

auto to_response(Tokens::Answer const& answer) -> Response {
  Response response;
  response.status = static_cast<unsigned>(answer.status);
  response.body = answer.body;
  response.headers.push_back({"Content-Type", "application/json"});
  if (!answer.etag.empty()) response.headers.push_back({"ETag", answer.etag});
  response.headers.push_back({"Idempotent-Replayed", "true"});
  return response;
}

auto to_answer(Response const& response) -> Tokens::Answer {
  Tokens::Answer answer{static_cast<int>(response.status), response.body, ""};
  for (auto const& header : response.headers)
    if (header.name == "ETag") answer.etag = header.value;
  return answer;
}

/// Errors end their journey here: what is the server's fault is logged, once.
auto failed(Error const& error, Request const& request) -> Response {
  if (error.code == Code::internal || error.code == Code::corrupt)
    log(LogLevel::error, error.what,
        {{"request_id", request.request_id},
         {"method", request.method},
         {"target", request.target}});
  return problem(error, request.request_id);
}

}  // namespace

Dispatcher::Dispatcher(Router const& router, Authenticate authenticate, AnswerStore& answers,
                       Metrics& metrics)
    : router_(router),
      authenticate_(std::move(authenticate)),
      answers_(answers),
      metrics_(metrics) {}

auto Dispatcher::route(Request const& request) const -> Routed {
  Routed routed{nullptr, Call{request, {}, {}, {}, {}}, {}};
  auto target = parse_target(request.target);
  if (!target) {
    routed.refusal = problem(target.error(), request.request_id);
    return routed;
  }
  auto match = router_.match(request.method, target->segments);
  if (match.route) {
    routed.route = match.route;
    routed.call.path = std::move(match.path);
    routed.call.query = std::move(target->query);
  } else if (match.allowed.empty()) {
    routed.refusal = problem(404, "not_found", "no such resource", request.request_id);
  } else {
    routed.refusal = problem(405, "method_not_allowed", "this resource has: " + match.allowed,
                             request.request_id)
                         .with("Allow", match.allowed);
  }
  return routed;
}

auto Dispatcher::refusal(Error const& error, Access access, Request const& request) const
    -> Response {
  if (error.code != Code::denied) return failed(error, request);
  metrics_.counter("godwit_http_refused_total", "Requests without a valid identity.").add();
  if (access == Access::device) return problem(error, request.request_id);
  return problem(401, "unauthenticated", error.what, request.request_id)
      .with("WWW-Authenticate", "Bearer");
}

auto Dispatcher::refused(Routed& routed) const -> std::optional<Response> {
  auto const access = routed.route->access;
  auto const& request = routed.call.request;
  if (auto known = authenticate_(access, routed.call); !known)
    return refusal(known.error(), access, request);
  auto const needed = role_needed(access);
  auto const& who = routed.call.principal;
  if (needed.empty() || role_allows(who.role, needed)) return std::nullopt;
  metrics_.counter("godwit_http_roles_refused_total", "Requests that their token's role forbids.")
      .add();
  return role_problem(who.name, who.role, needed, request.request_id);
}

auto Dispatcher::handle(Routed& routed) const -> Response {
  auto const& request = routed.call.request;
  if (auto refusal = refused(routed)) return *std::move(refusal);
  auto const key = request.header("Idempotency-Key");
  if (key.empty() || request.method != "POST" || role_needed(routed.route->access).empty() ||
      !routed.route->may_store_answer)
    return run(routed);
  if (key.size() > kIdempotencyKeyMax)
    return problem(invalid("the Idempotency-Key is too long"), request.request_id);
  return answer_once(routed, key);
}

auto Dispatcher::answer_once(Routed const& routed, std::string_view key) const -> Response {
  auto const& request = routed.call.request;
  auto const& principal = routed.call.principal;
  auto const content =
      proto::sha256(as_bytes(request.method + " " + request.target + "\n" + request.body));
  auto stored = answers_.begin(principal, key, content);
  if (!stored) return failed(stored.error(), request);
  if (*stored) return to_response(**stored);
  auto response = run(routed);
  // Only what changed something is kept: a refused request may be corrected and sent again.
  auto const kept = response.status < 300 ? answers_.finish(principal, key, to_answer(response))
                                          : answers_.drop(principal, key);
  if (!kept)
    log(LogLevel::warning, "keeping an answer: " + kept.error().what,
        {{"request_id", request.request_id}});
  return response;
}

auto Dispatcher::run(Routed const& routed) const -> Response {
  auto response = routed.route->handle(routed.call);
  if (!response) return failed(response.error(), routed.call.request);
  return *std::move(response);
}

auto Dispatcher::begin_upload(Routed& routed) const -> UploadStart {
  if (auto refusal = refused(routed)) return *std::move(refusal);
  auto start = routed.route->upload(routed.call);
  if (!start) return failed(start.error(), routed.call.request);
  return *std::move(start);
}

auto Dispatcher::finish_upload(Routed const& routed, Upload& upload) const -> Response {
  auto response = upload.finish();
  if (!response) return failed(response.error(), routed.call.request);
  return *std::move(response);
}

void Dispatcher::count(Route const* route, std::string_view method, unsigned status,
                       double seconds) const {
  // An unknown method or path must not make a series of its own.
  std::string const pattern = route ? route->pattern : "none";
  std::string const known_method = route ? std::string(method) : "any";
  metrics_
      .counter("godwit_http_requests_total", "Finished HTTP requests.",
               {{"route", pattern}, {"method", known_method}, {"code", std::to_string(status)}})
      .add();
  metrics_
      .histogram("godwit_http_request_duration_seconds", "From header to last byte handed over.",
                 {{"route", pattern}, {"method", known_method}})
      .observe(seconds);
}

}  // namespace godwit::server
