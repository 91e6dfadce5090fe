// BSDIFF40 patches, as Colin Percival's bsdiff 4 writes them: a 32-byte header and three bzip2
// streams (docs/format-delta.md). Reading only; writing is server/delta/bsdiff.
#pragma once

#include <functional>

#include "proto/format/byte_source.h"
#include "proto/format/patch.h"

namespace godwit::proto {

constexpr std::string_view kBsdiffMagic = "BSDIFF40";
constexpr size_t kBsdiffHeaderBytes = 32;

auto apply_bsdiff(ByteView old_file, ByteView patch, PatchLimits const& limits) -> Result<Bytes>;
/// The same in pieces of at most 16 KiB, in order. Memory beside the files: a piece, and what three
/// bzip2 decoders take (0.5 MB each for patches written at level 1, 3.7 MB at 9). Pieces may come
/// before an error does: who keeps them waits for the end.
auto apply_bsdiff(ByteView old_file, ByteView patch, PatchLimits const& limits,
                  std::function<Result<>(ByteView)> const& sink) -> Result<>;
/// The old file read in pieces too.
auto apply_bsdiff(ByteSource& old_file, uint64_t old_bytes, ByteView patch,
                  PatchLimits const& limits, std::function<Result<>(ByteView)> const& sink)
    -> Result<>;
auto inspect_bsdiff(ByteView patch, PatchLimits const& limits) -> Result<PatchInfo>;

}  // namespace godwit::proto
