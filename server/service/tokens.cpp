#include "server/service/tokens.h"

#include "server/domain/roles.h"
#include "server/service/core.h"
#include "server/storage/tokens.h"

namespace godwit::server {
namespace {

constexpr int64_t kRequestMs = 60'000;  // longer than any request runs

}  // namespace

auto random_token(std::string_view prefix) -> std::string {
  std::array<uint8_t, 32> random{};
  proto::random_bytes(random);
  return std::string(prefix) + to_hex(random);
}

auto create_token(Database& database, int64_t now_ms, std::string_view name, std::string_view role)
    -> Result<std::string> {
  if (name.empty() || name.size() > 128) return invalid("a token's name has 1 to 128 bytes");
  if (!is_role(role)) return invalid("the roles are viewer, operator, release_manager and admin");
  auto const token = random_token("gwt_");
  TRY_VOID(database.transact([&](Tx& tx) -> Result<> {
    store::insert_api_token(tx, name, role, proto::sha256(as_bytes(token)), now_ms);
    return {};
  }));
  return token;
}

auto Tokens::create(std::string_view name, std::string_view role) -> Result<std::string> {
  return create_token(*core_.database, core_.now_ms(), name, role);
}

auto Tokens::authenticate(std::string_view token) -> Result<Principal> {
  auto const hash = proto::sha256(as_bytes(token));
  return core_.database->transact([&](Tx& tx) -> Result<Principal> {
    auto const found = store::find_api_token(tx, hash);
    if (!found) return denied("the token is not known");
    return Principal{found->id, found->name, found->role};
  });
}

auto Tokens::begin_request(Principal const& principal, std::string_view key, Sha256 const& content)
    -> Result<std::optional<Answer>> {
  if (key.empty() || key.size() > 255) return invalid("Idempotency-Key has 1 to 255 bytes");
  auto const now = core_.now_ms();
  return core_.database->transact([&](Tx& tx) -> Result<std::optional<Answer>> {
    auto const stored =
        store::begin_request(tx, principal.token_id, key, content, now, now - kRequestMs);
    if (!stored) return std::optional<Answer>();
    if (stored->content != content)
      return conflict("the Idempotency-Key was used with another request");
    if (!stored->status) return conflict("a request with this Idempotency-Key is running");
    return std::optional(Answer{*stored->status, stored->body, stored->etag});
  });
}

auto Tokens::finish_request(Principal const& principal, std::string_view key, Answer const& answer)
    -> Result<> {
  return core_.database->transact([&](Tx& tx) -> Result<> {
    store::finish_request(
        tx, principal.token_id, key,
        {.content = {}, .status = answer.status, .body = answer.body, .etag = answer.etag});
    return {};
  });
}

auto Tokens::drop_request(Principal const& principal, std::string_view key) -> Result<> {
  return core_.database->transact([&](Tx& tx) -> Result<> {
    store::drop_request(tx, principal.token_id, key);
    return {};
  });
}

}  // namespace godwit::server
