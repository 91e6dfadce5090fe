// How deltas are applied: by the device, by the server before it publishes one, and by the command
// line. Formats (docs/format-delta.md): BSDIFF40 and Godwit's own block container.
#pragma once

#include <optional>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/base/limits.h"

namespace godwit::proto {

enum class PatchFormat { bsdiff, godwit };
auto to_string(PatchFormat format) -> std::string_view;
/// Recognises a patch by its magic; `corrupt` if it is neither.
auto detect_patch(ByteView patch) -> Result<PatchFormat>;

struct PatchLimits {
  uint64_t new_bytes_max = limits::kModelBytesMax;
};
/// The new file. `corrupt` with the reason when the patch is damaged or asks for more than the
/// limits; `conflict` when it was made for another old file. Every length, sum and seek is checked.
auto apply_patch(ByteView old_file, ByteView patch, PatchLimits const& limits) -> Result<Bytes>;

/// SHA-256 of the new file, which is made piece by piece, as devices do, and never held.
auto applied_sha256(ByteView old_file, ByteView patch, PatchLimits const& limits) -> Result<Sha256>;

/// What a patch says of itself and what it is made of, without the old file.
struct PatchInfo {
  PatchFormat format = PatchFormat::bsdiff;
  uint64_t new_bytes = 0;
  uint64_t added_bytes = 0;    // differences added to bytes of the old file
  uint64_t copied_bytes = 0;   // bytes of the old file unchanged, by whole blocks
  uint64_t literal_bytes = 0;  // bytes carried by the patch itself
  uint64_t instructions = 0;   // runs of one of these
  struct Container {           // only Godwit's format knows
    uint16_t version = 0;
    uint16_t profile = 0;
    uint64_t ram_bytes = 0;  // the working memory that the profile promises to stay below
    uint32_t blocks = 0;
    uint64_t old_bytes = 0;
    std::string old_sha256;  // in hexadecimal, as much of it as the patch holds
    Sha256 new_sha256;
  };
  std::optional<Container> container;
};
auto inspect_patch(ByteView patch, PatchLimits const& limits) -> Result<PatchInfo>;

}  // namespace godwit::proto
