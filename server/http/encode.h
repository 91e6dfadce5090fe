// The server's entities as JSON of the REST interface (docs/rest.md).
#pragma once

#include "proto/json/json.h"
#include "server/domain/entities.h"
#include "server/service/enrolment.h"
#include "server/service/rollouts.h"

namespace godwit::server {

/// RFC 3339 in UTC, to the millisecond.
auto rfc3339(int64_t unix_ms) -> std::string;

auto to_json(Model const& model) -> Json;
auto to_json(Release const& release) -> Json;
auto to_json(Delta const& delta) -> Json;
auto to_json(TagTraffic const& traffic) -> Json;
auto to_json(Traffic const& traffic) -> Json;
auto to_json(Attempt const& attempt) -> Json;
auto to_json(Device const& device) -> Json;
auto to_json(Filter const& filter) -> Json;
auto to_json(Rollout const& rollout) -> Json;
auto to_json(RolloutPlan const& plan) -> Json;
auto to_json(EnrolmentToken const& token) -> Json;

/// {items, next}.
template <typename T>
auto to_json(Page<T> const& page) -> Json {
  Json::Array items;
  items.reserve(page.items.size());
  for (auto const& item : page.items) items.push_back(to_json(item));
  return Json::object(
      {{"items", Json(std::move(items))}, {"next", page.next ? Json(*page.next) : Json()}});
}

}  // namespace godwit::server
