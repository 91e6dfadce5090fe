// Rows of the table delta as what they are; for the files of this folder that ask for them.
#pragma once

#include "server/domain/entities.h"
#include "server/storage/db.h"

namespace godwit::server::store {

/// Of `delta d`, in the order of read_delta.
#define DELTA_COLUMNS                                                                           \
  "d.model, d.from_version, d.to_version, d.format, d.state, d.size, d.full_size, d.reason,"    \
  " d.seconds, d.sha256, d.key_enc, d.key_ct, d.patch_version, d.patch_ram, d.mode, d.devices," \
  " d.tries, to_ms(d.failed_at), to_ms(d.not_before), d.requested_by, to_ms(d.requested_at)"

/// A device `v` that applies no container of `version`, the one made here (a parameter), and is
/// therefore sent BSDIFF40: it said nothing of its decoder, or is older than this server and gives
/// at least `ram` bytes.
#define TAKES_BSDIFF(version, ram)                                                         \
  "(v.patch_version = 0 OR (v.patch_version < " version "::bigint AND v.patch_ram >= " ram \
  "::bigint))"

inline auto read_delta_state(Row& row) -> DeltaState {
  auto const text = row.text();
  for (size_t i = 0; i < kDeltaStates.size(); ++i)
    if (kDeltaStates[i] == text) return static_cast<DeltaState>(i);
  return DeltaState::failed;
}

inline auto read_delta(Row& row) -> Delta {
  Delta d;
  d.model = row.text();
  d.from = row.text();
  d.to = row.text();
  d.format = row.text();
  d.state = read_delta_state(row);
  d.size_bytes = row.natural_or_null();
  d.full_size_bytes = row.natural();
  d.reason = row.text();
  d.seconds = row.real_or_null();
  d.sha256 = row.sha256_or_null();
  auto enc = row.bytes_or_null();
  auto ct = row.bytes_or_null();
  if (enc && ct) d.key = proto::WrappedKey{std::move(*enc), std::move(*ct)};
  d.patch_version = row.natural32();
  d.patch_ram_bytes = row.natural();
  d.mode = row.text();
  d.devices = row.natural();
  d.tries = row.natural32();
  d.failed_at_ms = row.number_or_null();
  d.next_try_at_ms = row.number_or_null();
  d.requested_by = row.text();
  d.requested_at_ms = row.number_or_null();
  return d;
}

}  // namespace godwit::server::store
