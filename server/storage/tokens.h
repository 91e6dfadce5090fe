// Tokens (hashed) and idempotency keys as rows. Called inside a transaction.
#pragma once

#include "server/storage/db.h"
#include "server/storage/page.h"

namespace godwit::server::store {

struct ApiToken {
  int64_t id = 0;
  std::string name;
  std::string role;
  int64_t created_at_ms = 0;
};
void insert_api_token(Tx& tx, std::string_view name, std::string_view role, Sha256 const& hash,
                      int64_t now_ms);
auto find_api_token(Tx& tx, Sha256 const& hash) -> std::optional<ApiToken>;
/// Those that were not revoked, oldest first.
auto list_api_tokens(Tx& tx) -> std::vector<ApiToken>;
/// How many of that name were not revoked before.
auto revoke_api_tokens(Tx& tx, std::string_view name, int64_t now_ms) -> size_t;

struct EnrolmentRow {
  int64_t id = 0;
  std::string note;
  uint32_t uses_left = 0;
  int64_t expires_at_ms = 0;
};
auto insert_enrolment_token(Tx& tx, EnrolmentRow const& token, Sha256 const& hash, int64_t now_ms)
    -> int64_t;
auto list_enrolment_tokens(Tx& tx, PageRequest const& page) -> Result<Page<EnrolmentRow>>;
auto delete_enrolment_token(Tx& tx, int64_t id) -> bool;
/// Known, not expired, with uses left (or without, for a retry that uses nothing up).
auto enrolment_token_valid(Tx& tx, Sha256 const& hash, int64_t now_ms) -> bool;
/// Takes one use. False when there is none.
auto use_enrolment_token(Tx& tx, Sha256 const& hash, int64_t now_ms) -> bool;

struct StoredRequest {
  Sha256 content;
  std::optional<int> status;  // nothing while it runs
  std::string body;
  std::string etag;
};
/// Takes the key. Otherwise what is stored under it; a key whose request began before `stale_ms`
/// and never ended (a crash) is taken over.
auto begin_request(Tx& tx, int64_t token, std::string_view key, Sha256 const& content,
                   int64_t now_ms, int64_t stale_ms) -> std::optional<StoredRequest>;
void finish_request(Tx& tx, int64_t token, std::string_view key, StoredRequest const& answer);
void drop_request(Tx& tx, int64_t token, std::string_view key);
void forget_requests(Tx& tx, int64_t before_ms);

}  // namespace godwit::server::store
