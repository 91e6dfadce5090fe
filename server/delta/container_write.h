// Makes patches of Godwit's container (docs/format-delta.md): cuts the new file into blocks and
// codes each in the way that comes out smallest.
#pragma once

#include <span>

#include "proto/base/bytes.h"
#include "server/delta/match.h"

namespace godwit::delta {

auto make_container(ByteView old_file, ByteView new_file, std::span<Match const> matches) -> Bytes;

}  // namespace godwit::delta
