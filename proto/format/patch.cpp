#include "proto/format/patch.h"

#include "proto/format/bsdiff.h"
#include "proto/format/container_reader.h"
#include "proto/trust/digest.h"

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

auto applied_sha256(ByteView old_file, ByteView patch, PatchLimits const& limits)
    -> Result<Sha256> {
  TRY(PatchFormat const format, detect_patch(patch));
  Sha256Stream digest;
  if (format == PatchFormat::bsdiff) {
    TRY_VOID(apply_bsdiff(old_file, patch, limits, [&](ByteView piece) -> Result<> {
      digest.add(piece);
      return {};
    }));
    return digest.finish();
  }
  ViewSource old_source(old_file);
  ViewSource patch_source(patch);
  TRY(auto reader, ContainerReader::open(patch_source, patch.size(), limits));
  TRY_VOID(reader.check_old(old_source, old_file.size()));
  Bytes made;
  for (size_t block = 0; block < reader.container().blocks.size(); ++block) {
    made.resize(reader.container().blocks[block].new_bytes);
    TRY_VOID(reader.make(block, old_source, made));
    digest.add(made);
  }
  return digest.finish();
}

auto inspect_patch(ByteView patch, PatchLimits const& limits) -> Result<PatchInfo> {
  TRY(PatchFormat const format, detect_patch(patch));
  if (format == PatchFormat::bsdiff) return inspect_bsdiff(patch, limits);
  return inspect_container(patch, limits);
}

}  // namespace godwit::proto
