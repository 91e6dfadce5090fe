#include "server/storage/certificates.h"

namespace godwit::server::store {

void note_certificate(Tx& tx, std::string_view device, int64_t until_ms) {
  tx.run("UPDATE device SET certificate_until = from_ms($2) WHERE id = $1", {device, until_ms});
}

auto take_renewal(Tx& tx, std::string_view device, int renewals_max, int64_t window_ms,
                  int64_t now_ms) -> bool {
  return tx.run(
               "UPDATE device SET"
               " renewals = CASE WHEN renewals_since > from_ms($4) THEN renewals + 1 ELSE 1 END,"
               " renewals_since = CASE WHEN renewals_since > from_ms($4) THEN renewals_since"
               "   ELSE from_ms($3) END"
               " WHERE id = $1 AND (renewals_since > from_ms($4) AND renewals >= $2::int)"
               "   IS NOT TRUE",
               {device, renewals_max, now_ms, now_ms - window_ms})
             .affected() > 0;
}

auto certificates_expiring(Tx& tx, int64_t by_ms) -> int64_t {
  return tx
      .run(
          "SELECT count(*) FROM device WHERE revoked_at IS NULL AND certificate_until <= "
          "from_ms($1)",
          {by_ms})[0]
      .number();
}

}  // namespace godwit::server::store
