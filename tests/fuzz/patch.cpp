// Patches of both formats, as they come: applied to one old file, and inspected without it. What
// applies keeps to the limits and is what inspecting foretold.
#include "proto/format/patch.h"

namespace {

using namespace godwit;
constexpr proto::PatchLimits kLimits = {.new_bytes_max = 64u << 10};

/// The old file of the seeds.
auto old_file() -> Bytes {
  Bytes bytes(4096);
  uint32_t state = 1;
  for (auto& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<uint8_t>(state >> 24);
  }
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  static auto const old = old_file();
  ByteView const patch(data, size);
  auto const info = proto::inspect_patch(patch, kLimits);
  auto const made = proto::apply_patch(old, patch, kLimits);
  if (!made) return 0;
  CHECK(made->size() <= kLimits.new_bytes_max);
  CHECK(info && info->new_bytes == made->size());
  CHECK(info->added_bytes + info->copied_bytes + info->literal_bytes == made->size());
  return 0;
}
