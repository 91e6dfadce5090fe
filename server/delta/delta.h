// How deltas are made: by the server's worker and by the command line. Pure functions over bytes;
// what they make is applied once with proto/format/patch before it is returned.
#pragma once

#include "proto/base/bytes.h"
#include "proto/format/patch.h"

namespace godwit::delta {

/// A patch that turns `old_file` into `new_file`, checked by applying it. `invalid` when a file is
/// larger than limits::kModelBytesMax.
/// Memory: 5 bytes per byte of the old file for the suffix array and its text, 2 per byte of the
/// new file while the result is checked, and the patch. Time: see docs/benchmarks.md.
auto make_patch(ByteView old_file, ByteView new_file, proto::PatchFormat format) -> Result<Bytes>;

}  // namespace godwit::delta
