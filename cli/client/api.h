// The server's REST interface: JSON in and out, problems turned into errors, repeated when the
// network or the server fails in passing, pages joined.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cli/client/http.h"
#include "cli/client/sse.h"
#include "cli/core/context.h"
#include "proto/json/json.h"

namespace godwit::cli {

/// The error that an answer of status 400 and above means.
auto problem(HttpResponse const& response) -> Error;

struct Reply {
  Json json;         // null without a body
  std::string etag;  // empty without one
  int status = 0;
};

class Api {
 public:
  explicit Api(Endpoint endpoint) : endpoint_(std::move(endpoint)) {}
  /// The server that the flags, the environment and the saved contexts choose.
  static auto connect(Context const& context) -> Result<Api>;

  /// The same, but it tries once and soon gives up: for what a person waits for at a prompt.
  auto hurried() const -> Api;

  auto endpoint() const -> Endpoint const& { return endpoint_; }
  auto get(std::string const& path) const -> Result<Json>;
  auto get_tagged(std::string const& path) const -> Result<Reply>;
  /// Carries a fresh Idempotency-Key, so that a repeated request does its work once.
  auto post(std::string const& path, Json const& body) const -> Result<Json>;
  auto put(std::string const& path, Json const& body) const -> Result<Reply>;
  /// Changes what `etag` names; `conflict` if somebody else changed it in between.
  auto patch(std::string const& path, Json const& body, std::string const& etag) const
      -> Result<Json>;
  auto remove(std::string const& path) const -> Result<>;

  /// The items of all pages, at most `items_max` (0: all).
  auto list(std::string const& path, size_t items_max = 0) const -> Result<Json>;
  /// PUTs a file as it is; the status (201 new, 200 there already).
  auto upload(std::string const& path, std::string const& file,
              std::function<void(uint64_t, uint64_t)> on_sent) const -> Result<int>;

  struct Follow {
    std::function<Result<>()> on_open;  // the stream is live: whatever is read now misses nothing
    std::function<Result<bool>(Event const&)> on_event;  // false: enough
    std::function<Result<>()> on_tick;
    std::function<void(Error const&)> on_lost;  // the stream broke; it will be opened again
  };
  /// Reads server-sent events until on_event has enough, or one of the functions fails. A broken
  /// stream is opened again from its last event.
  auto follow(std::string const& path, Follow const& follow) const -> Result<>;

 private:
  auto request(HttpRequest const& request, HttpOptions options = {}) const -> Result<HttpResponse>;
  auto request_json(HttpRequest request) const -> Result<Reply>;

  Endpoint endpoint_;
  bool hurried_ = false;
};

}  // namespace godwit::cli
