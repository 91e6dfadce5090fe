// One HTTPS exchange with a server: TLS verified against a CA and the host's name, every wait
// bounded, bodies streamed. Blocks the caller; no retries and no redirects (see api.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "cli/client/url.h"
#include "proto/base/result.h"

namespace godwit::cli {

struct Endpoint {
  Url url;
  std::string ca_file;  // empty: the CAs that this machine trusts
  std::string token;    // sent as Authorization: Bearer; may be empty
};

struct HttpRequest {
  std::string method = "GET";
  std::string target = {};  // path and query
  std::map<std::string, std::string> headers = {};
  std::string body = {};
  std::string body_file = {};  // sent from this file instead of `body`, unless empty
};

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body = {};
};

struct HttpOptions {
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds idle_timeout{30'000};  // for each read and write
  size_t body_bytes_max = 32u << 20;
  /// Called as the body goes out, with what was sent and the whole.
  std::function<void(uint64_t, uint64_t)> on_sent = {};
  /// Takes the body of a 2xx answer piece by piece, without limit; HttpResponse::body stays empty.
  std::function<Result<>(std::string_view)> on_data = {};
  /// Called once such an answer has begun, before on_data.
  std::function<Result<>()> on_open = {};
  /// Called a few times a second while waiting; the exchange ends with its error.
  std::function<Result<>()> on_tick = {};
};

/// Any status is a good answer here. Errors: `retry` when the network failed or a time ran out,
/// `denied` when the server's certificate does not hold, `corrupt` when the answer is cut short or
/// is no HTTP, `invalid` for a CA file or body file that cannot be read.
auto exchange(Endpoint const& endpoint, HttpRequest const& request, HttpOptions const& options = {})
    -> Result<HttpResponse>;

}  // namespace godwit::cli
