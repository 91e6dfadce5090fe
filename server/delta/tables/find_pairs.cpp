#include "server/delta/tables/find_pairs.h"

#include <algorithm>
#include <map>

#include "server/delta/tables/guess.h"
#include "server/delta/tables/left_to_search.h"
#include "server/delta/tables/pairing.h"
#include "server/delta/tables/readers.h"

namespace godwit::delta {

namespace {

constexpr std::string_view kGuessed = "guessed";
/// In files up to this size, what moved from one tensor to another is looked for, too.
constexpr uint64_t kSearchedBytesMax = 512u << 10;

auto is_searched_whole(ByteView old_file, ByteView new_file, FoundPairs const& found) -> bool {
  return found.kind == kGuessed || std::max(old_file.size(), new_file.size()) <= kSearchedBytesMax;
}

}  // namespace

auto find_pairs(ByteView old_file, ByteView new_file, std::function<void()> const& let_go)
    -> FoundPairs {
  Pages pages(let_go);
  auto const to = read_tensor_table(new_file);
  if (!to.tensors.empty()) {
    // Of an old file of another kind (a .tflite before, compiled now) the weights are the same.
    auto const from = read_tensor_table(old_file);
    auto pairs = pair_tensors({old_file, from, pages}, {new_file, to, pages});
    return {std::string(to.kind), without_searched(old_file, new_file, std::move(pairs), pages)};
  }
  auto guessed = guess_pairs(old_file, new_file);
  if (guessed.empty()) return {"bytes", {}};
  return {std::string(kGuessed), std::move(guessed)};
}

auto find_pairs_by_layout(ByteView old_file, std::string_view old_layout, ByteView new_file,
                          std::string_view new_layout, std::function<void()> const& let_go)
    -> Result<FoundPairs> {
  Pages pages(let_go);
  TRY(auto const from, read_layout(old_layout, old_file).within("layout of the old file"));
  TRY(auto const to, read_layout(new_layout, new_file).within("layout of the new file"));
  auto pairs = pair_tensors({old_file, from, pages}, {new_file, to, pages});
  return FoundPairs{"layout", without_searched(old_file, new_file, std::move(pairs), pages)};
}

auto searched_bytes(ByteView old_file, ByteView new_file, FoundPairs const& found) -> Searched {
  Searched searched{.old_bytes = old_file.size(), .new_bytes = new_file.size()};
  if (is_searched_whole(old_file, new_file, found)) return searched;
  std::map<uint64_t, uint64_t> old_tensors;  // one may be what several are predicted from
  for (TensorPair const& pair : usable_pairs(found.pairs, old_file.size(), new_file.size())) {
    searched.new_bytes -= size_bytes(pair.to);
    if (pair.from) old_tensors[pair.from->offset] = size_bytes(*pair.from);
  }
  for (auto const& [offset, bytes] : old_tensors)
    searched.old_bytes -= std::min(bytes, searched.old_bytes);
  return searched;
}

auto make_patch_of(ByteView old_file, ByteView new_file, FoundPairs const& found,
                   PatchOptions options) -> Result<Bytes> {
  bool const twice = options.format != proto::PatchFormat::bsdiff && !found.pairs.empty() &&
                     is_searched_whole(old_file, new_file, found);
  auto const on_percent = options.on_percent;
  auto const half = [&](uint32_t before) -> std::function<void(uint32_t)> {
    if (!twice || !on_percent) return on_percent;
    return [&on_percent, before](uint32_t percent) { on_percent(before + percent / 2); };
  };
  options.tensors = found.pairs;
  options.on_percent = half(0);
  TRY(auto patch, make_patch(old_file, new_file, options));
  if (!twice) return patch;
  options.tensors = {};
  options.on_percent = half(50);
  TRY(auto other, make_patch(old_file, new_file, options));
  return other.size() < patch.size() ? std::move(other) : std::move(patch);
}

}  // namespace godwit::delta
