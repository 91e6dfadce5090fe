// Streams of server-sent events (WHATWG HTML, 9.2): changes of rollouts and attempts.
#include "server/service/events.h"

#include <charconv>

#include "server/http/api.h"
#include "server/http/encode.h"
#include "server/service/rollouts.h"

namespace godwit::server {
namespace {

constexpr size_t kEventsAtOnce = 200;

class RolloutEvents : public EventSource {
 public:
  RolloutEvents(Events& events, std::optional<int64_t> rollout, int64_t after)
      : events_(events), rollout_(rollout), after_(after) {}

  auto next() -> Result<std::string> override {
    TRY(auto const events, events_.read(after_, rollout_, kEventsAtOnce));
    std::string text;
    for (auto const& event : events) {
      text += "id: " + std::to_string(event.number) + "\n";
      if (event.rollout) text += "event: rollout\ndata: " + to_json(*event.rollout).dump() + "\n\n";
      if (event.attempt) text += "event: attempt\ndata: " + to_json(*event.attempt).dump() + "\n\n";
      after_ = event.number;
    }
    return text;
  }

 private:
  Events& events_;
  std::optional<int64_t> rollout_;
  int64_t after_;
};

auto open_stream(Api& api, Call const& call, std::optional<int64_t> rollout) -> Result<Response> {
  int64_t after = 0;
  if (auto const text = call.request.header("Last-Event-ID"); !text.empty()) {
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), after);
    if (error != std::errc() || end != text.data() + text.size() || after < 0)
      return invalid("the Last-Event-ID is not one of ours");
  } else {
    TRY(after, api.service.events().last());
  }
  Response response;
  response.headers = {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}};
  response.events = std::make_shared<RolloutEvents>(api.service.events(), rollout, after);
  return response;
}

}  // namespace

void add_event_routes(Router& router, Api& api) {
  router.add({"GET", "/api/v1/events", Access::look,
              [&api](Call const& call) { return open_stream(api, call, std::nullopt); }});
  router.add({"GET", "/api/v1/rollouts/{id}/events", Access::look,
              [&api](Call const& call) -> Result<Response> {
                auto const& text = call.param("id");
                int64_t id = 0;
                auto const [end, error] =
                    std::from_chars(text.data(), text.data() + text.size(), id);
                if (error != std::errc() || end != text.data() + text.size())
                  return not_found("rollouts have positive numbers");
                TRY(auto const rollout, api.service.rollouts().get(id));
                return open_stream(api, call, rollout.id);
              }});
}

}  // namespace godwit::server
