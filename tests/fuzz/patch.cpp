// Patches of both formats, as they come: applied to one old file, and inspected without it. What
// applies keeps to the limits and is what inspecting foretold.
#include "proto/format/container_reader.h"

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

auto made_in_pieces(ByteView old, ByteView patch) -> Bytes {
  proto::ViewSource old_source(old);
  proto::ViewSource patch_source(patch);
  auto reader = proto::ContainerReader::open(patch_source, patch.size(), kLimits);
  CHECK(reader);
  Bytes made;
  for (size_t block = 0; block < reader->container().blocks.size(); ++block) {
    made.resize(made.size() + reader->container().blocks[block].new_bytes);
    auto const out = std::span(made).last(reader->container().blocks[block].new_bytes);
    CHECK(reader->make(block, old_source, out));
  }
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  static auto const old = old_file();
  ByteView const patch(data, size);
  auto const info = proto::inspect_patch(patch, kLimits);
  auto const made = proto::apply_patch(old, patch, kLimits);
  if (!made) {
    // What is refused as a whole is not taken in pieces either, or fails at some block.
    proto::ViewSource source(patch);
    auto reader = proto::ContainerReader::open(source, patch.size(), kLimits);
    proto::ViewSource old_source(old);
    Bytes out;
    for (size_t block = 0; reader && block < reader->container().blocks.size(); ++block) {
      out.resize(reader->container().blocks[block].new_bytes);
      if (!reader->make(block, old_source, out)) break;
    }
    return 0;
  }
  CHECK(made->size() <= kLimits.new_bytes_max);
  CHECK(info && info->new_bytes == made->size());
  // In pieces, block by block: the same.
  if (info->container) CHECK(made_in_pieces(old, patch) == *made);
  CHECK(info->added_bytes + info->copied_bytes + info->literal_bytes == made->size());
  return 0;
}
