// BSDIFF40 patches, as Colin Percival's bsdiff 4 writes them: a 32-byte header and three bzip2
// streams (docs/format-delta.md). Reading only; writing is server/delta/bsdiff.
#pragma once

#include "proto/format/patch.h"

namespace godwit::proto {

constexpr std::string_view kBsdiffMagic = "BSDIFF40";
constexpr size_t kBsdiffHeaderBytes = 32;

auto apply_bsdiff(ByteView old_file, ByteView patch, PatchLimits const& limits) -> Result<Bytes>;
auto inspect_bsdiff(ByteView patch, PatchLimits const& limits) -> Result<PatchInfo>;

}  // namespace godwit::proto
