// The routing table: patterns with path parameters, each with who may call it and what it does.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "proto/base/ids.h"
#include "proto/base/limits.h"
#include "server/http/message.h"
#include "server/http/target.h"
#include "server/service/tokens.h"

namespace godwit::server {

enum class Access {
  open,    // no identity needed; the handler may ask for a token of its own
  device,  // a client certificate of a device that is not revoked
  // A bearer token, of a role that allows it (server/domain/roles.h):
  look,
  operate,
  publish,
  administer,
};
/// The least role, empty where no token is asked for.
auto role_needed(Access access) -> std::string_view;

/// One request on its way through a handler. Handlers run on worker threads and may block.
struct Call {
  Request const& request;
  std::map<std::string, std::string, std::less<>> path;   // by name in the pattern
  std::map<std::string, std::string, std::less<>> query;  // decoded
  Principal principal;                                    // where a token was asked for
  std::optional<DeviceId> device;                         // Access::device

  /// A path parameter; the pattern guarantees that it exists.
  auto param(std::string_view name) const -> std::string const&;
  auto query_or(std::string_view name, std::string_view other) const -> std::string;
  /// The JSON object of the body; `invalid` without one, or under another Content-Type.
  auto json() const -> Result<Json>;
};

using Handler = std::function<Result<Response>(Call const&)>;
/// An answer at once, or where the body is to go.
using UploadStart = std::variant<Response, std::unique_ptr<Upload>>;
using UploadHandler = std::function<Result<UploadStart>(Call const&)>;

/// Of a release's: its targets.json as a JSON text, where no byte takes more than two, and the
/// rest.
constexpr size_t kReleaseBodyBytesMax =
    2 * limits::kMetadataBytesMax + limits::kRequestBodyBytesMax;

struct Route {
  std::string method;
  std::string pattern;  // "/api/v1/devices/{id}"
  Access access = Access::look;
  Handler handle = {};
  UploadHandler upload = {};     // instead of `handle`
  bool may_store_answer = true;  // false: the answer holds a secret, Idempotency-Key is ignored
  /// Who asks for more than the ordinary is known before the body is read.
  size_t body_bytes_max = limits::kRequestBodyBytesMax;
  std::vector<std::string> segments = {};  // filled by the router
};

class Router {
 public:
  /// Patterns that could match the same path must not differ in where their parameters stand.
  void add(Route route);
  auto routes() const -> std::vector<Route> const& { return routes_; }

  struct Match {
    Route const* route = nullptr;
    std::map<std::string, std::string, std::less<>> path;
    std::string allowed;  // without a route: the methods that the path has, empty for 404
  };
  /// HEAD finds the route of GET.
  auto match(std::string_view method, std::vector<std::string> const& segments) const -> Match;

 private:
  std::vector<Route> routes_;
};

}  // namespace godwit::server
