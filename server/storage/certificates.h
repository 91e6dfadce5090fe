// What is kept of devices' certificates: until when, and how often another was asked for.
// Called inside a transaction.
#pragma once

#include "server/storage/db.h"

namespace godwit::server::store {

/// The newest one of a device, which has its id.
void note_certificate(Tx& tx, std::string_view device, int64_t until_ms);
/// Takes one of `renewals_max` renewals in `window_ms`. False when they are used up.
auto take_renewal(Tx& tx, std::string_view device, int renewals_max, int64_t window_ms,
                  int64_t now_ms) -> bool;
/// Of devices that are not revoked, those whose certificate is not good any more then.
auto certificates_expiring(Tx& tx, int64_t by_ms) -> int64_t;

}  // namespace godwit::server::store
