#include "proto/format/patch.h"

#include "proto/format/bsdiff.h"
#include "proto/format/container.h"

namespace godwit::proto {

auto to_string(PatchFormat format) -> std::string_view {
  switch (format) {
    case PatchFormat::bsdiff:
      return "bsdiff";
    case PatchFormat::godwit:
      return "godwit";
  }
  return "";
}

auto detect_patch(ByteView patch) -> Result<PatchFormat> {
  auto const text = as_text(patch);
  if (text.starts_with(kBsdiffMagic)) return PatchFormat::bsdiff;
  if (text.starts_with(kContainerMagic)) return PatchFormat::godwit;
  return corrupt("neither a BSDIFF40 nor a Godwit patch");
}

auto apply_patch(ByteView old_file, ByteView patch, PatchLimits const& limits) -> Result<Bytes> {
  TRY(PatchFormat const format, detect_patch(patch));
  if (format == PatchFormat::bsdiff) return apply_bsdiff(old_file, patch, limits);
  return apply_container(old_file, patch, limits);
}

auto inspect_patch(ByteView patch, PatchLimits const& limits) -> Result<PatchInfo> {
  TRY(PatchFormat const format, detect_patch(patch));
  if (format == PatchFormat::bsdiff) return inspect_bsdiff(patch, limits);
  return inspect_container(patch, limits);
}

}  // namespace godwit::proto
