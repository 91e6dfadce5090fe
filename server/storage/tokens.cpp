#include "server/storage/tokens.h"

namespace godwit::server::store {
namespace {

#define API_TOKEN_COLUMNS "id, name, role, to_ms(created_at)"

auto read_api_token(Row& row) -> ApiToken {
  ApiToken token;
  token.id = row.number();
  token.name = row.text();
  token.role = row.text();
  token.created_at_ms = row.number();
  return token;
}

auto read_enrolment(Row& row) -> EnrolmentRow {
  EnrolmentRow token;
  token.id = row.number();
  token.note = row.text();
  token.uses_left = row.natural32();
  token.expires_at_ms = row.number();
  return token;
}

}  // namespace

void insert_api_token(Tx& tx, std::string_view name, std::string_view role, Sha256 const& hash,
                      int64_t now_ms) {
  tx.run("INSERT INTO api_token (name, role, hash, created_at) VALUES ($1, $2, $3, from_ms($4))",
         {name, role, hash, now_ms});
}

auto find_api_token(Tx& tx, Sha256 const& hash) -> std::optional<ApiToken> {
  auto const rows = tx.run(
      "SELECT " API_TOKEN_COLUMNS " FROM api_token WHERE hash = $1 AND revoked_at IS NULL", {hash});
  if (rows.empty()) return std::nullopt;
  auto row = rows[0];
  return read_api_token(row);
}

auto list_api_tokens(Tx& tx) -> std::vector<ApiToken> {
  auto const rows =
      tx.run("SELECT " API_TOKEN_COLUMNS " FROM api_token WHERE revoked_at IS NULL ORDER BY id");
  std::vector<ApiToken> tokens;
  for (size_t i = 0; i < rows.size(); ++i) {
    auto row = rows[i];
    tokens.push_back(read_api_token(row));
  }
  return tokens;
}

auto revoke_api_tokens(Tx& tx, std::string_view name, int64_t now_ms) -> size_t {
  return tx
      .run("UPDATE api_token SET revoked_at = from_ms($2) WHERE name = $1 AND revoked_at IS NULL",
           {name, now_ms})
      .affected();
}

auto insert_enrolment_token(Tx& tx, EnrolmentRow const& token, Sha256 const& hash, int64_t now_ms)
    -> int64_t {
  return tx
      .run(
          "INSERT INTO enrolment_token (hash, note, uses_left, expires_at, created_at)"
          " VALUES ($1, $2, $3, from_ms($4), from_ms($5)) RETURNING id",
          {hash, token.note, token.uses_left, token.expires_at_ms, now_ms})[0]
      .number();
}

auto list_enrolment_tokens(Tx& tx, PageRequest const& page) -> Result<Page<EnrolmentRow>> {
  TRY(auto const before, number_cursor(page, INT64_MAX));
  auto const limit = page_limit(page);
  auto const rows = tx.run(
      "SELECT id, note, uses_left, to_ms(expires_at) FROM enrolment_token WHERE id < $1"
      " ORDER BY id DESC LIMIT $2",
      {before, limit + 1});
  return read_page<EnrolmentRow>(rows, limit, read_enrolment,
                                 [](EnrolmentRow const& t) { return std::to_string(t.id); });
}

auto delete_enrolment_token(Tx& tx, int64_t id) -> bool {
  return tx.run("DELETE FROM enrolment_token WHERE id = $1", {id}).affected() > 0;
}

auto enrolment_token_valid(Tx& tx, Sha256 const& hash, int64_t now_ms) -> bool {
  return !tx.run("SELECT 1 FROM enrolment_token WHERE hash = $1 AND expires_at > from_ms($2)",
                 {hash, now_ms})
              .empty();
}

auto use_enrolment_token(Tx& tx, Sha256 const& hash, int64_t now_ms) -> bool {
  return tx.run(
               "UPDATE enrolment_token SET uses_left = uses_left - 1"
               " WHERE hash = $1 AND uses_left > 0 AND expires_at > from_ms($2)",
               {hash, now_ms})
             .affected() > 0;
}

auto begin_request(Tx& tx, int64_t token, std::string_view key, Sha256 const& content,
                   int64_t now_ms, int64_t stale_ms) -> std::optional<StoredRequest> {
  auto const taken = tx.run(
      "INSERT INTO idempotency_key AS k (token_id, key, content, started_at)"
      " VALUES ($1, $2, $3, from_ms($4)) ON CONFLICT (token_id, key)"
      " DO UPDATE SET started_at = excluded.started_at"
      " WHERE k.status IS NULL AND k.started_at < from_ms($5) AND k.content = excluded.content",
      {token, key, content, now_ms, stale_ms});
  if (taken.affected() > 0) return std::nullopt;
  auto const rows = tx.run(
      "SELECT content, status, coalesce(body, ''), coalesce(etag, '') FROM idempotency_key"
      " WHERE token_id = $1 AND key = $2",
      {token, key});
  if (rows.empty()) return std::nullopt;
  auto row = rows[0];
  StoredRequest stored;
  stored.content = row.sha256();
  if (auto const status = row.number_or_null()) stored.status = static_cast<int>(*status);
  stored.body = row.text();
  stored.etag = row.text();
  return stored;
}

void finish_request(Tx& tx, int64_t token, std::string_view key, StoredRequest const& answer) {
  tx.run(
      "UPDATE idempotency_key SET status = $3, body = $4, etag = $5"
      " WHERE token_id = $1 AND key = $2",
      {token, key, answer.status, answer.body, answer.etag});
}

void drop_request(Tx& tx, int64_t token, std::string_view key) {
  tx.run("DELETE FROM idempotency_key WHERE token_id = $1 AND key = $2 AND status IS NULL",
         {token, key});
}

void forget_requests(Tx& tx, int64_t before_ms) {
  tx.run("DELETE FROM idempotency_key WHERE started_at < from_ms($1)", {before_ms});
}

}  // namespace godwit::server::store
