#include "server/delta/delta.h"

#include <algorithm>

#include "server/delta/bsdiff_write.h"
#include "server/delta/container_write.h"
#include "server/delta/match.h"

namespace godwit::delta {
namespace {

auto check_size(ByteView file, std::string_view name) -> Result<> {
  if (file.size() <= limits::kModelBytesMax) return {};
  return invalid("the " + std::string(name) + " file is larger than the limit of " +
                 std::to_string(limits::kModelBytesMax) + " bytes");
}

}  // namespace

auto make_patch(ByteView old_file, ByteView new_file, proto::PatchFormat format) -> Result<Bytes> {
  TRY_VOID(check_size(old_file, "old"));
  TRY_VOID(check_size(new_file, "new"));
  auto const matches = find_matches(old_file, new_file);
  auto patch = format == proto::PatchFormat::bsdiff ? write_bsdiff(old_file, new_file, matches)
                                                    : make_container(old_file, new_file, matches);
  TRY(auto const applied, proto::apply_patch(old_file, patch, {}).within("applying the new patch"));
  if (!std::ranges::equal(applied, new_file))
    return internal("the new patch does not make the new file");
  return patch;
}

}  // namespace godwit::delta
