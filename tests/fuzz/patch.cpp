// Patches of both formats, as they come: applied to one old file, and inspected without it. What
// applies keeps to the limits and is what inspecting foretold.
#include "proto/format/in_place.h"

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

/// A file in memory that is rewritten without faults.
class MemoryStore final : public proto::InPlaceStore {
 public:
  explicit MemoryStore(ByteView old) : file(old.begin(), old.end()) {}
  auto size() -> Result<uint64_t> override { return uint64_t{file.size()}; }
  auto read(uint64_t offset, std::span<uint8_t> out) -> Result<> override {
    return proto::ViewSource(file).read(offset, out);
  }
  auto write(uint64_t offset, ByteView bytes) -> Result<> override {
    CHECK(offset + bytes.size() <= kLimits.new_bytes_max);
    if (file.size() < offset + bytes.size()) file.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), file.begin() + static_cast<ptrdiff_t>(offset));
    return {};
  }
  auto resize(uint64_t bytes) -> Result<> override {
    file.resize(bytes);
    return {};
  }
  auto write_scratch(ByteView) -> Result<> override { return {}; }
  auto read_scratch(std::span<uint8_t>) -> Result<> override { return not_found("not kept"); }
  auto write_journal(ByteView) -> Result<> override { return {}; }
  auto read_journal() -> Result<Bytes> override { return Bytes(); }
  Bytes file;
};

/// In any order that a patch names: the right file or an error.
void rewrite_in_place(ByteView old, ByteView patch, ByteView made) {
  MemoryStore store(old);
  proto::ViewSource source(patch);
  auto const applied =
      proto::apply_in_place({.patch = source, .patch_bytes = patch.size(), .patch_sha256 = {}},
                            kLimits, store, [](size_t) {});
  if (applied) CHECK(std::equal(store.file.begin(), store.file.end(), made.begin(), made.end()));
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
  if (info->container) {
    CHECK(made_in_pieces(old, patch) == *made);
    rewrite_in_place(old, patch, *made);
  }
  CHECK(info->added_bytes + info->copied_bytes + info->literal_bytes == made->size());
  return 0;
}
