// Writes BSDIFF40 patches (docs/format-delta.md) that any bspatch applies.
#pragma once

#include <span>

#include "proto/base/bytes.h"
#include "server/delta/match.h"

namespace godwit::delta {

/// Level 9 as bsdiff writes it, or less: a decoder needs 100 KB + 400 KB a level and stream.
auto write_bsdiff(ByteView old_file, ByteView new_file, std::span<Match const> matches,
                  int bzip2_level) -> Bytes;

}  // namespace godwit::delta
