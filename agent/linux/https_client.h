// An HTTPS client for one server: one connection, kept while it is good; no redirects, no cookies,
// no proxies. The process must ignore SIGPIPE.
#pragma once

#include "agent/linux/http_response.h"
#include "agent/linux/tls.h"

namespace godwit::agent {

struct HttpsTimes {
  int64_t idle_ms = 15'000;   // without a byte
  int64_t total_ms = 60'000;  // of one request
};

struct HttpsRequest {
  std::string method = "GET";
  std::string path;  // with its query
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
};

class HttpsClient {
 public:
  /// `interrupt_fd`: once readable, every wait ends with `retry`. -1: never.
  static auto open(Origin origin, TlsFiles const& files, HttpsTimes times, int interrupt_fd)
      -> Result<HttpsClient>;

  /// The whole answer goes to the sink as it arrives. `retry`: it did not come, or not in full;
  /// `corrupt`: it is no HTTP; an error of the sink is passed on. Any status is an answer: see
  /// refusal_of.
  auto send(HttpsRequest const& request, HttpSink& sink) -> Result<HttpHead>;

 private:
  HttpsClient(Origin origin, TlsContext context, HttpsTimes times, int interrupt_fd)
      : origin_(std::move(origin)),
        context_(std::move(context)),
        times_(times),
        interrupt_fd_(interrupt_fd) {}
  auto exchange(std::string const& text, HttpSink& sink, Patience const& patience, bool& answered)
      -> Result<HttpHead>;

  Origin origin_;
  TlsContext context_;
  HttpsTimes times_;
  int interrupt_fd_;
  std::optional<TlsStream> stream_;
};

/// What a status other than 2xx means: 404, 410 `not_found`; 401, 403 and redirects `denied`; 408,
/// 425, 429, 5xx `retry`; 409 `conflict`; all others `invalid`.
auto refusal_of(int status) -> Error;

}  // namespace godwit::agent
