// Rollouts: planned, created, watched and steered.
#include "server/service/rollouts.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "server/http/api.h"
#include "server/http/encode.h"

namespace godwit::server {
namespace {

auto rollout_param(Call const& call) -> Result<int64_t> {
  auto const& text = call.param("id");
  int64_t id = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id <= 0)
    return not_found("rollouts have positive numbers");
  return id;
}

auto rollout_response(unsigned status, Rollout const& rollout) -> Response {
  return json_response(status, to_json(rollout)).with("ETag", etag(rollout.rev));
}

auto natural_or(Json const& json, std::string_view key, uint32_t other) -> Result<uint32_t> {
  TRY(auto const value, json.get_int_or(key, other));
  if (value < 0 || value > std::numeric_limits<int32_t>::max())
    return invalid("'" + std::string(key) + "' is out of range");
  return static_cast<uint32_t>(value);
}

auto parse_phases(Json const& body, std::vector<PhaseSpec>& phases) -> Result<> {
  if (!body.find("phases")) return {};
  TRY(auto const items, body.get_array("phases"));
  phases.clear();
  for (auto const& item : items.items()) {
    PhaseSpec phase;
    TRY(phase.percent, item.get_double("percent"));
    if (item.find("success_percent")) {
      TRY(phase.success_percent, item.get_double("success_percent"));
    }
    TRY(phase.soak_s, natural_or(item, "soak_s", 0));
    phases.push_back(phase);
  }
  return {};
}

auto parse_abort(Json const& body, AbortRule& rule) -> Result<> {
  auto const* abort = body.find("abort");
  if (!abort || abort->is_null()) return {};
  if (!abort->is_object()) return invalid("'abort' is not an object");
  TRY(rule.threshold_percent, abort->get_double_or("threshold_percent", rule.threshold_percent));
  TRY(rule.min_executed, natural_or(*abort, "min_executed", 1));
  if (!abort->find("failure_types")) return {};
  TRY(auto const types, abort->get_array("failure_types"));
  rule.failure_types.clear();
  for (auto const& item : types.items()) {
    TRY(auto const name, item.as_string());
    auto const found = std::find(kFailureTypes.begin(), kFailureTypes.end(), name);
    if (found == kFailureTypes.end())
      return invalid("failure type '" + name + "': ALL, FAILED, REJECTED or TIMED_OUT");
    rule.failure_types.push_back(static_cast<FailureType>(found - kFailureTypes.begin()));
  }
  return {};
}

auto parse_rollout(Json const& body) -> Result<NewRollout> {
  TRY(auto const name, body.get_string("name"));
  TRY(auto const model_text, body.get_string("model"));
  TRY(auto model, ModelName::parse(model_text));
  TRY(auto const version_text, body.get_string("version"));
  TRY(auto version, Version::parse(version_text));
  TRY(auto const filter, body.get_string_or("filter", ""));
  TRY(auto const saved_filter, body.get_string_or("saved_filter", ""));
  NewRollout request{.name = name,
                     .model = std::move(model),
                     .version = std::move(version),
                     .filter = filter,
                     .saved_filter = saved_filter,
                     .abort = {}};
  TRY_VOID(parse_phases(body, request.phases));
  TRY_VOID(parse_abort(body, request.abort));
  TRY(request.in_progress_timeout_s, natural_or(body, "in_progress_timeout_s", 3600));
  TRY(request.retries, natural_or(body, "retries", 0));
  TRY(auto const on_failure, body.get_string_or("on_failure", "stop"));
  if (on_failure != "stop" && on_failure != "rollback")
    return invalid("on_failure: stop or rollback");
  request.on_failure = on_failure == "stop" ? OnFailure::stop : OnFailure::rollback;
  TRY(request.start, body.get_bool_or("start", true));
  return request;
}

auto create(Api& api, Call const& call) -> Result<Response> {
  TRY(auto const body, call.json());
  TRY(auto const request, parse_rollout(body));
  TRY(auto const dry_run, body.get_bool_or("dry_run", false));
  if (dry_run) {
    TRY(auto const plan, api.service.rollouts().dry_run(request));
    return json_response(200, to_json(plan));
  }
  TRY(auto const rollout, api.service.rollouts().create(request));
  return rollout_response(201, rollout)
      .with("Location", "/api/v1/rollouts/" + std::to_string(rollout.id));
}

using Verb = Result<Rollout> (Rollouts::*)(int64_t id, std::optional<int64_t> if_rev);

auto steer(Api& api, Call const& call, Verb verb) -> Result<Response> {
  TRY(auto const id, rollout_param(call));
  auto const if_rev = if_match(call);
  auto const rollout = (api.service.rollouts().*verb)(id, if_rev);
  if (rollout) return rollout_response(200, *rollout);
  TRY(auto const current, api.service.rollouts().get(id));
  if (lost_race(rollout.error(), if_rev, current.rev)) return precondition_failed(call);
  return rollout.error();
}

}  // namespace

void add_rollout_routes(Router& router, Api& api) {
  std::string const rollouts = "/api/v1/rollouts";
  router.add(
      {"POST", rollouts, Access::operate, [&api](Call const& call) { return create(api, call); }});
  router.add({"GET", rollouts, Access::look, [&api](Call const& call) -> Result<Response> {
                TRY(auto const page, page_request(call));
                TRY(auto const found, api.service.rollouts().list(page));
                return json_response(200, to_json(found));
              }});
  router.add(
      {"GET", rollouts + "/{id}", Access::look, [&api](Call const& call) -> Result<Response> {
         TRY(auto const id, rollout_param(call));
         TRY(auto const rollout, api.service.rollouts().get(id));
         return rollout_response(200, rollout);
       }});
  router.add({"GET", rollouts + "/{id}/attempts", Access::look,
              [&api](Call const& call) -> Result<Response> {
                TRY(auto const id, rollout_param(call));
                TRY(auto const page, page_request(call));
                TRY(auto const attempts, api.service.rollouts().attempts(id, page));
                return json_response(200, to_json(attempts));
              }});
  std::pair<char const*, Verb> const verbs[] = {{"start", &Rollouts::start},
                                                {"pause", &Rollouts::pause},
                                                {"resume", &Rollouts::resume},
                                                {"abort", &Rollouts::abort}};
  for (auto const& [name, verb] : verbs)
    router.add({"POST", rollouts + "/{id}/" + name, Access::operate,
                [&api, act = verb](Call const& call) { return steer(api, call, act); }});
}

}  // namespace godwit::server
