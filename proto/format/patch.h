// How deltas are applied: by the device, by the server before it publishes one, and by the command
// line. Formats: BSDIFF40 (docs/format-delta.md) and Godwit's own block container.
#pragma once

#include <functional>
#include <string_view>

#include "proto/base/bytes.h"

namespace godwit::proto {

enum class PatchFormat { bsdiff, godwit };
auto to_string(PatchFormat format) -> std::string_view;
/// Recognises a patch by its magic; `corrupt` if it is neither.
auto detect_patch(ByteView patch) -> Result<PatchFormat>;

struct PatchLimits {
  uint64_t new_bytes_max = 256ull << 20;
};
/// The new file. `corrupt` with the reason when the patch is damaged, does not fit the old file, or
/// asks for more than the limits. Every length, sum and seek is checked.
auto apply_patch(ByteView old_file, ByteView patch, PatchLimits const& limits) -> Result<Bytes>;

}  // namespace godwit::proto
