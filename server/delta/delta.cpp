#include "server/delta/delta.h"

#include <algorithm>

#include "proto/trust/digest.h"
#include "server/delta/bsdiff_write.h"
#include "server/delta/container_write.h"
#include "server/delta/match.h"
#include "server/delta/pages.h"
#include "server/delta/weights/gap_match.h"
#include "server/delta/weights/weights_write.h"

namespace godwit::delta {
namespace {

/// Up to this size bytes beside tensors are tried without the old file, too.
constexpr uint64_t kTriedAloneBytes = 512u << 10;

auto check_size(ByteView file, std::string_view name) -> Result<> {
  if (file.size() <= limits::kModelBytesMax) return {};
  return invalid("the " + std::string(name) + " file is larger than the limit of " +
                 std::to_string(limits::kModelBytesMax) + " bytes");
}

/// Tells how far the search for matches is.
auto matching(ByteView new_file, Pages& pages) -> std::function<void(uint64_t)> {
  return [&pages, total = new_file.size()](uint64_t at) {
    pages.reached(Pages::kMatching, at, total);
  };
}

auto make_godwit(ByteView old_file, ByteView new_file, PatchOptions const& options, Pages& pages)
    -> Bytes {
  auto const pairs = options.profile == proto::Profile::bytes
                         ? std::vector<TensorPair>()
                         : usable_pairs(options.tensors, old_file.size(), new_file.size());
  auto const gaps =
      match_gaps(old_file, new_file, pairs, matching(new_file, pages), [&pages] { pages.done(); });
  if (options.profile == proto::Profile::bytes) return make_container(old_file, new_file, gaps);
  auto const by_weights = [&](std::span<Match const> matches) {
    return make_weights_container(old_file, new_file, pairs, matches, options.profile, pages);
  };
  auto const smaller = [](Bytes a, Bytes b) { return a.size() <= b.size() ? a : b; };
  auto patch = by_weights(gaps);
  // What the new file repeats of itself may say more than the old one does.
  if (!pairs.empty() && new_file.size() <= kTriedAloneBytes)
    return smaller(std::move(patch), by_weights(literal_gaps(new_file, pairs)));
  if (!pairs.empty() || options.profile != proto::Profile::weights_large) return patch;
  // Nothing is known of the files: they may be text, or weights that lie where they lay.
  return smaller(std::move(patch), make_container(old_file, new_file, gaps));
}

/// Applies the patch block by block, which takes no memory for the whole new file.
auto check_container(ByteView old_file, ByteView new_file, ByteView patch, Pages& pages)
    -> Result<> {
  TRY(auto const container, proto::parse_container(patch, {}));
  if (container.old_bytes != old_file.size() || !container.is_for(pages.sha256(old_file)))
    return internal("the new patch is for another old file");
  proto::BlockApplier applier(container, old_file);
  proto::Sha256Stream digest;
  Bytes made;
  for (proto::Block const& block : container.blocks) {
    made.resize(block.new_bytes);
    TRY_VOID(applier.apply(block, made));
    if (!std::ranges::equal(
            made, new_file.subspan(static_cast<size_t>(block.new_offset), block.new_bytes)))
      return internal("the new patch does not make the new file");
    digest.add(made);
    pages.read(uint64_t{2} * block.new_bytes);
    pages.reached(Pages::kChecking, block.new_offset + block.new_bytes, new_file.size());
  }
  if (container.new_bytes != new_file.size() || container.new_sha256 != digest.finish())
    return internal("the new patch is for another new file");
  return {};
}

auto check_bsdiff(ByteView old_file, ByteView new_file, ByteView patch) -> Result<> {
  TRY(auto const applied, proto::apply_patch(old_file, patch, {}));
  if (!std::ranges::equal(applied, new_file))
    return internal("the new patch does not make the new file");
  return {};
}

}  // namespace

auto make_patch(ByteView old_file, ByteView new_file, PatchOptions const& options)
    -> Result<Bytes> {
  TRY_VOID(check_size(old_file, "old"));
  TRY_VOID(check_size(new_file, "new"));
  Pages pages(options.let_go, options.on_percent);
  if (options.format == proto::PatchFormat::bsdiff) {
    auto const matches = find_matches(old_file, new_file, matching(new_file, pages));
    auto patch = write_bsdiff(old_file, new_file, matches, options.bzip2_level);
    TRY_VOID(check_bsdiff(old_file, new_file, patch).within("applying the new patch"));
    return patch;
  }
  auto patch = make_godwit(old_file, new_file, options, pages);
  TRY_VOID(check_container(old_file, new_file, patch, pages).within("applying the new patch"));
  return patch;
}

auto make_patch(ByteView old_file, ByteView new_file, proto::PatchFormat format,
                std::span<TensorPair const> tensors) -> Result<Bytes> {
  return make_patch(old_file, new_file, PatchOptions{.format = format, .tensors = tensors});
}

}  // namespace godwit::delta
