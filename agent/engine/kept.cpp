#include "agent/engine/kept.h"

#include <algorithm>

namespace godwit::engine {
namespace {

constexpr std::string_view kMagic{"GWPACK\0\1", 8};
constexpr size_t kPathsBytes = 64;

}  // namespace

/// All that decides how packing packs. Which paths below the chosen one run here decides which
/// kernel takes a step.
auto kept_head(Sha256 const& model, Choice const& choice) -> Bytes {
  std::string paths;
  for (auto const* path : choice.paths) {
    if (!path->runs_here()) continue;
    if (!paths.empty()) paths += ' ';
    paths += path->name;
  }
  CHECK(paths.size() <= kPathsBytes);
  paths.resize(kPathsBytes);
  Writer head;
  head.bytes(as_bytes(kMagic));
  head.bytes(model.bytes);
  head.bytes(as_bytes(paths));
  head.bytes(as_bytes(kBuildName));
  return std::move(head).take();
}

auto packed_in(ByteView kept, Sha256 const& model, Choice const& choice, uint64_t packed_bytes)
    -> ByteView {
  if (kept.size() < kKeptHeadBytes || kept.size() - kKeptHeadBytes != packed_bytes) return {};
  auto const wanted = kept_head(model, choice);
  if (!std::equal(wanted.begin(), wanted.end(), kept.begin())) return {};
  auto const packed = kept.subspan(kKeptHeadBytes);
  return reinterpret_cast<uintptr_t>(packed.data()) % kMemoryAlignment == 0 ? packed : ByteView();
}

}  // namespace godwit::engine
