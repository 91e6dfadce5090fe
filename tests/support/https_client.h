// A raw HTTPS client: sends whatever a test wants sent, right or wrong, and reads what comes back.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/pki.h"

namespace godwit::test {

struct HttpReply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  bool complete = false;  // the body came whole

  auto header(std::string const& name) const -> std::string;
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

class HttpsClient {
 public:
  /// `ca` signed the server's certificate; `own` is shown when given.
  HttpsClient(uint16_t port, std::string ca, std::optional<Credentials> own = {});
  ~HttpsClient();
  HttpsClient(HttpsClient const&) = delete;
  auto operator=(HttpsClient const&) -> HttpsClient& = delete;

  /// Sent with every request of request().
  HttpHeaders default_headers;

  /// One request and its reply, over one connection as long as it lasts. Status 0: no reply.
  auto request(std::string const& method, std::string const& target, std::string const& body = "",
               HttpHeaders const& headers = {}) -> HttpReply;

  /// False when TCP or TLS does not come about.
  auto connect() -> bool;
  void close();
  auto send(std::string_view bytes) -> bool;
  /// A reply, without its body if that is `head_only`.
  auto receive(bool head_only = false) -> HttpReply;
  /// Whatever comes next, at most 16 KiB; empty at the end, or when nothing comes for so long.
  auto receive_some(int timeout_ms = 10'000) -> std::string;

 private:
  struct Connection;
  auto fill() -> bool;
  auto take_line() -> std::optional<std::string>;
  auto take(size_t size, std::string& out) -> bool;
  auto take_chunks(std::string& out) -> bool;

  uint16_t port_;
  std::string ca_;
  std::optional<Credentials> own_;
  std::unique_ptr<Connection> connection_;
  std::string buffer_;
};

}  // namespace godwit::test
