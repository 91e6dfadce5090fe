// Zstandard (RFC 8878), one frame: what a full release is compressed with before it is sealed
// (ReleaseInfo::encoding "zstd"). Deterministic for one library version.
#pragma once

#include "proto/base/bytes.h"

namespace godwit::proto {

auto compress(ByteView plain) -> Bytes;
/// Exactly `plain_length` bytes, which the caller has from signed metadata; `corrupt` for anything
/// else, without ever producing more.
auto decompress(ByteView compressed, uint64_t plain_length) -> Result<Bytes>;
/// The same, into memory of that length.
auto decompress_into(ByteView compressed, std::span<uint8_t> plain) -> Result<>;

}  // namespace godwit::proto
