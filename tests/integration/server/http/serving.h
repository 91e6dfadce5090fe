// The real HTTPS server over the real service and a database of its own, in this process, with
// both listeners; and what a test asks of every refusal.
#pragma once

#include <memory>

#include "server/http/server.h"
#include "server/runtime/clock.h"
#include "server/service/service.h"
#include "server/storage/db.h"
#include "tests/support/https_client.h"
#include "tests/support/process.h"

namespace godwit::test {

class Serving {
 public:
  explicit Serving(server::HttpConfig config = {});
  ~Serving();

  /// Of operators: with the token in its default headers, if that is `known`.
  auto client(bool known = true) const -> std::unique_ptr<HttpsClient>;
  /// A new token of that role.
  auto token_of(std::string const& role) const -> std::string;
  /// With such a token.
  auto client_as(std::string const& role) const -> std::unique_ptr<HttpsClient>;
  /// Of the devices' listener.
  auto device_client(std::optional<Credentials> own) const -> std::unique_ptr<HttpsClient>;
  auto enrol(std::string const& id) const -> Credentials;
  /// Signs a small model and brings it to the server.
  void publish(std::string const& model, std::string const& version) const;

  /// Signs so many releases more into the repository, which nobody pushes; the bytes of its
  /// targets.json.
  auto grow_repository(int releases) const -> size_t;

  /// All rows of all tables, and the names in the artifact store: equal when nothing changed.
  auto state() const -> std::string;
  /// The value of a series as /metrics would show it: "name{label=...}"; 0 without the series.
  auto metric(std::string const& series) const -> uint64_t;
  /// Finished requests that were answered with that status, over all routes.
  auto answered(int status) const -> uint64_t;
  auto token() const -> std::string const& { return token_; }
  auto device_ca() const -> Credentials const& { return device_ca_; }

 private:
  class Answers;
  auto service_config() const -> server::Config;

  TemporaryFolder folder_{"http"};
  Credentials server_ca_ = make_ca("servers");
  Credentials device_ca_ = make_ca("devices");
  server::SystemClock clock_;
  server::Metrics metrics_;
  std::unique_ptr<server::Database> database_;  // for looking
  std::unique_ptr<server::Service> service_;
  std::string token_;
  std::unique_ptr<Answers> answers_;
  struct Doors;
  std::unique_ptr<Doors> doors_;
};

/// The reply is problem+json with that status and code, an id of its own and a reason.
void expect_problem(HttpReply const& reply, int status, std::string const& code);

}  // namespace godwit::test
