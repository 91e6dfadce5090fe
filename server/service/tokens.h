// Operators' tokens (256 random bits, stored hashed), and idempotency keys of their requests.
#pragma once

#include "server/domain/entities.h"

namespace godwit::server {

struct Core;
class Database;

/// Stores a new token; the result is the only time it is seen.
auto create_token(Database& database, int64_t now_ms, std::string_view name, std::string_view role)
    -> Result<std::string>;

struct Principal {
  int64_t token_id = 0;
  std::string name;
  std::string role;
};

/// PREFIX and 256 random bits in hexadecimal.
auto random_token(std::string_view prefix) -> std::string;

class Tokens {
 public:
  explicit Tokens(Core& core) : core_(core) {}

  /// The token itself: the only time it is seen.
  auto create(std::string_view name, std::string_view role) -> Result<std::string>;
  auto authenticate(std::string_view token) -> Result<Principal>;

  /// A finished request with this Idempotency-Key: its stored answer. Nothing: the caller owns the
  /// key and must finish or drop it. `conflict`: another request is running with the key, or it was
  /// used with another content.
  struct Answer {
    int status = 0;
    std::string body;
    std::string etag;
  };
  auto begin_request(Principal const& principal, std::string_view key, Sha256 const& content)
      -> Result<std::optional<Answer>>;
  auto finish_request(Principal const& principal, std::string_view key, Answer const& answer)
      -> Result<>;
  auto drop_request(Principal const& principal, std::string_view key) -> Result<>;

 private:
  Core& core_;
};

}  // namespace godwit::server
