// The Fetcher port over HTTPS: documents whole, artifacts in ranges that survive cut connections.
#pragma once

#include "agent/core/ports.h"
#include "agent/linux/https_client.h"

namespace godwit::agent {

class HttpsFetcher : public Fetcher {
 public:
  explicit HttpsFetcher(HttpsClient client) : client_(std::move(client)) {}

  auto document(std::string_view path, size_t bytes_max) -> Result<std::string> override;
  /// What arrived before a connection broke is given, not thrown away.
  auto range(Sha256 const& blob, uint64_t offset, uint64_t size) -> Result<Bytes> override;

  auto client() -> HttpsClient& { return client_; }
  /// From now on by that one.
  void use(HttpsClient client) { client_ = std::move(client); }

 private:
  HttpsClient client_;
};

}  // namespace godwit::agent
