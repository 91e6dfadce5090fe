// Writes BSDIFF40 patches (docs/format-delta.md) that any bspatch applies.
#pragma once

#include <span>

#include "proto/base/bytes.h"
#include "server/delta/match.h"

namespace godwit::delta {

auto write_bsdiff(ByteView old_file, ByteView new_file, std::span<Match const> matches) -> Bytes;

}  // namespace godwit::delta
