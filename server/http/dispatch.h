// From a request to its response: routing, identity, Idempotency-Key, errors as problems, metrics.
// Free of any network; route() is quick, the rest may block and belongs on worker threads.
#pragma once

#include <functional>
#include <variant>

#include "server/http/router.h"
#include "server/runtime/metrics.h"

namespace godwit::server {

/// Fills in who calls, or says why not: `denied` without a valid identity.
using Authenticate = std::function<Result<>(Access access, Call& call)>;

/// Idempotency keys, as Tokens keeps them; a port so that dispatch needs no database.
class AnswerStore {
 public:
  virtual ~AnswerStore() = default;
  virtual auto begin(Principal const& principal, std::string_view key, Sha256 const& content)
      -> Result<std::optional<Tokens::Answer>> = 0;
  virtual auto finish(Principal const& principal, std::string_view key,
                      Tokens::Answer const& answer) -> Result<> = 0;
  virtual auto drop(Principal const& principal, std::string_view key) -> Result<> = 0;
};

class Dispatcher {
 public:
  Dispatcher(Router const& router, Authenticate authenticate, AnswerStore& answers,
             Metrics& metrics);

  struct Routed {
    Route const* route = nullptr;
    Call call;
    std::optional<Response> refusal;  // instead of `route`
  };
  /// `request` must outlive what is returned.
  auto route(Request const& request) const -> Routed;
  /// Who calls, and whether their role allows it; otherwise the answer.
  auto refused(Routed& routed) const -> std::optional<Response>;
  auto handle(Routed& routed) const -> Response;
  auto begin_upload(Routed& routed) const -> UploadStart;
  auto finish_upload(Routed const& routed, Upload& upload) const -> Response;
  /// Counts a finished request; `route` may be null.
  void count(Route const* route, std::string_view method, unsigned status, double seconds) const;

 private:
  auto refusal(Error const& error, Access access, Request const& request) const -> Response;
  auto answer_once(Routed const& routed, std::string_view key) const -> Response;
  auto run(Routed const& routed) const -> Response;

  Router const& router_;
  Authenticate authenticate_;
  AnswerStore& answers_;
  Metrics& metrics_;
};

}  // namespace godwit::server
