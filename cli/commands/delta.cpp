// godwit delta create|apply|inspect: patches between any two files.
#include <memory>

#include "cli/commands/program.h"
#include "cli/core/block_pool.h"
#include "cli/core/files.h"
#include "cli/core/format.h"
#include "cli/core/in_place_file.h"
#include "cli/core/mapped_file.h"
#include "cli/core/output.h"
#include "cli/core/part_file.h"
#include "cli/core/progress.h"
#include "cli/view/patch.h"
#include "proto/base/limits.h"
#include "proto/format/patch.h"
#include "proto/format/restartable_bsdiff.h"
#include "proto/trust/digest.h"
#include "server/delta/delta.h"
#include "server/delta/in_place.h"
#include "server/delta/tables/find_pairs.h"
#include "server/delta/tables/readers.h"

namespace godwit::cli {
namespace {

// A patch of files that share nothing is a little larger than the new file.
constexpr uint64_t kPatchBytesMax = limits::kModelBytesMax + (limits::kModelBytesMax >> 4);

constexpr uint64_t kLayoutBytesMax = 8u << 20;

auto profile_of(std::string const& name) -> proto::Profile {
  if (name == "bytes") return proto::Profile::bytes;
  if (name == "fast") return proto::Profile::weights_fast;
  return name == "small" ? proto::Profile::weights_small : proto::Profile::weights_large;
}

struct Paths {
  std::string old_file;
  std::string new_file;
  std::string patch;
  std::string format = "godwit";
  std::string profile = "large";
  std::string layout;      // of the new file, and of the old one unless it has its own
  std::string old_layout;  // of the old file
  std::string names;       // the new file, for the names of its tensors
  unsigned jobs = block_threads();
  bool in_place = false;  // made for, or applied to, the only copy of the old file
};

auto find_tensors(Paths const& paths, ByteView old_file, ByteView new_file,
                  std::function<void()> const& let_go) -> Result<delta::FoundPairs> {
  if (paths.layout.empty()) return delta::find_pairs(old_file, new_file, let_go);
  TRY(Bytes const layout, read_file(paths.layout, kLayoutBytesMax));
  Bytes old_layout = layout;
  if (!paths.old_layout.empty()) {
    TRY(old_layout, read_file(paths.old_layout, kLayoutBytesMax));
  }
  return delta::find_pairs_by_layout(old_file, as_text(old_layout), new_file, as_text(layout),
                                     let_go);
}

auto create(Context& context, Paths const& paths) -> Result<> {
  TRY(auto const old_mapped, MappedFile::open(paths.old_file, limits::kModelBytesMax));
  TRY(auto const new_mapped, MappedFile::open(paths.new_file, limits::kModelBytesMax));
  ByteView const old_file = old_mapped.bytes();
  ByteView const new_file = new_mapped.bytes();
  auto const let_go = [&] {
    old_mapped.let_go();
    new_mapped.let_go();
  };
  Progress progress(context, "finding tensors", 0);
  TRY(auto const found, find_tensors(paths, old_file, new_file, let_go));
  let_go();
  progress.rename("making the patch", 100);
  delta::PatchOptions options{
      .format = paths.format == "bsdiff" ? proto::PatchFormat::bsdiff : proto::PatchFormat::godwit,
      .profile = profile_of(paths.profile),
      .let_go = let_go,
      .on_percent = [&progress](uint32_t percent) { progress.reached(percent); }};
  auto made = delta::make_patch_of(old_file, new_file, found, options);
  TRY_VOID(old_mapped.check_whole());
  TRY_VOID(new_mapped.check_whole());
  TRY(Bytes patch, std::move(made));
  if (paths.in_place) {
    auto ordered = delta::order_in_place(old_file, new_file, patch);
    TRY_VOID(old_mapped.check_whole());
    TRY_VOID(new_mapped.check_whole());
    TRY(patch, std::move(ordered));
  }
  TRY_VOID(write_file(paths.patch, patch));
  Table table;
  auto const object = Json::object({{"format", paths.format},
                                    {"patch_bytes", uint64_t{patch.size()}},
                                    {"old_bytes", uint64_t{old_file.size()}},
                                    {"new_bytes", uint64_t{new_file.size()}},
                                    {"tensors_from", found.kind},
                                    {"tensors", uint64_t{found.pairs.size()}}});
  for (auto const& [name, value] : object.members())
    table.add({name, value.is_string() ? *value.as_string() : value.dump()});
  print_object(context, object, table, paths.patch);
  return {};
}

void say_resumed(Context& context, proto::Resumed const& resumed) {
  if (resumed.block > 0)
    say(context, "went on at block " + std::to_string(resumed.block) + ", " +
                     std::to_string(resumed.bytes) + " bytes were there");
}

/// The patch names neither file: what is gone on from is of this patch and this old file.
auto apply_bsdiff(Context& context, ByteView old_file, ByteView patch, PartFile& file,
                  Progress& progress) -> Result<> {
  proto::ViewSource old_source(old_file);
  proto::ViewSource patch_source(patch);
  proto::Sha256Stream both;
  both.add(patch);
  both.add(old_file);
  TRY(auto apply, proto::RestartableBsdiff::begin({.old_file = old_source,
                                                   .old_bytes = old_file.size(),
                                                   .patch = patch_source,
                                                   .patch_bytes = patch.size(),
                                                   .patch_sha256 = both.finish(),
                                                   .old_is_checked = true},
                                                  {}, {}, file));
  while (!apply.done()) {
    progress.reached(apply.bytes());
    TRY_VOID(apply.step());
  }
  say_resumed(context, apply.resumed());
  return {};
}

/// `old_file` was held to its hash.
auto apply_container(Context& context, proto::Container const& container, ByteView old_file,
                     ByteView patch, unsigned jobs, PartFile& file, Progress& progress)
    -> Result<> {
  proto::ViewSource old_source(old_file);
  proto::ViewSource patch_source(patch);
  TRY(auto apply, proto::RestartableApply::begin({.old_file = old_source,
                                                  .old_bytes = old_file.size(),
                                                  .patch = patch_source,
                                                  .patch_bytes = patch.size(),
                                                  .patch_sha256 = proto::sha256(patch),
                                                  .old_is_checked = true},
                                                 {}, file));
  progress.reached(apply.bytes());
  BlockPool pool(container, old_file, apply.next_block(), jobs);
  while (!apply.done()) {
    TRY(ByteView const made, pool.next());
    TRY_VOID(apply.take(made));
    progress.reached(apply.bytes());
  }
  TRY_VOID(apply.finish());
  say_resumed(context, apply.resumed());
  return {};
}

/// Rewrites OLD itself; what a cut leaves is finished by the same command.
auto apply_in_place(Context& context, Paths const& paths) -> Result<> {
  TRY(Bytes const patch, read_file(paths.patch, kPatchBytesMax));
  TRY(auto const container, proto::parse_container(patch, {}).within(paths.patch));
  proto::ViewSource source(patch);
  TRY(auto file, InPlaceFile::open(paths.old_file));
  auto const resumed = [&] {
    Progress progress(context, "rewriting " + paths.old_file, container.blocks.size());
    return proto::apply_in_place(
        {.patch = source, .patch_bytes = patch.size(), .patch_sha256 = proto::sha256(patch)}, {},
        file, [&](size_t blocks) { progress.reached(blocks); });
  }();
  if (!resumed) return Error(resumed.error()).within(paths.patch);
  if (resumed->block > 0) say(context, "went on at block " + std::to_string(resumed->block));
  TRY_VOID(file.finish());
  say(context, paths.old_file + ": " + std::to_string(container.new_bytes) + " bytes");
  return {};
}

auto apply(Context& context, Paths const& paths) -> Result<> {
  if (paths.in_place != paths.new_file.empty())
    return invalid("either a NEW file to write, or --in-place");
  if (paths.in_place) return apply_in_place(context, paths);
  TRY(auto const old_mapped, MappedFile::open(paths.old_file, limits::kModelBytesMax));
  TRY(auto const patch_mapped, MappedFile::open(paths.patch, kPatchBytesMax));
  ByteView const old_file = old_mapped.bytes();
  ByteView const patch = patch_mapped.bytes();
  TRY(auto const format, proto::detect_patch(patch).within(paths.patch));
  bool const blocks = format == proto::PatchFormat::godwit;
  // What can be seen to be wrong is said before anything is written.
  proto::Container container;
  if (blocks) {
    TRY(container, proto::parse_container(patch, {}).within(paths.patch));
    TRY_VOID(proto::check_old_file(container, old_file).within(paths.patch));
  } else {
    TRY(auto const info, proto::inspect_patch(patch, {}).within(paths.patch));
    container.new_bytes = info.new_bytes;
  }
  uint64_t const new_bytes = container.new_bytes;
  TRY(auto file, PartFile::open(paths.new_file));
  auto const made = [&]() -> Result<> {
    Progress progress(context, "applying " + paths.patch, new_bytes);
    if (blocks)
      return apply_container(context, container, old_file, patch, paths.jobs, file, progress);
    return apply_bsdiff(context, old_file, patch, file, progress);
  }();
  // What became shorter meanwhile is not damaged: it is said, and what was made is kept.
  TRY_VOID(old_mapped.check_whole());
  TRY_VOID(patch_mapped.check_whole());
  // A damaged patch is damaged at the next run too: nothing is kept to go on with.
  if (!made && made.error().code == Code::corrupt) file.discard();
  if (!made) return Error(made.error()).within(paths.patch);
  TRY_VOID(file.finish(new_bytes));
  say(context, paths.new_file + ": " + std::to_string(new_bytes) + " bytes");
  return {};
}

/// Patches know no names: they come from the new file, if it is given.
auto name_by_new_file(Paths const& paths, std::vector<PatchPart>& parts) -> Result<> {
  if (paths.names.empty()) return {};
  TRY(Bytes const file, read_file(paths.names, limits::kModelBytesMax));
  if (paths.layout.empty()) {
    name_parts(parts, delta::read_tensor_table(file));
    return {};
  }
  TRY(Bytes const layout, read_file(paths.layout, kLayoutBytesMax));
  TRY(auto const table, delta::read_layout(as_text(layout), file).within(paths.layout));
  name_parts(parts, table);
  return {};
}

auto inspect(Context& context, Paths const& paths) -> Result<> {
  TRY(Bytes const patch, read_file(paths.patch, kPatchBytesMax));
  TRY(proto::PatchInfo const info, proto::inspect_patch(patch, {}).within(paths.patch));
  auto object = Json::object({{"format", proto::to_string(info.format)},
                              {"patch_bytes", uint64_t{patch.size()}},
                              {"new_bytes", info.new_bytes},
                              {"added_bytes", info.added_bytes},
                              {"copied_bytes", info.copied_bytes},
                              {"literal_bytes", info.literal_bytes},
                              {"instructions", info.instructions}});
  if (auto const& container = info.container) {
    object.set("version", int{container->version});
    object.set("profile", int{container->profile});
    object.set("ram_bytes", container->ram_bytes);
    object.set("blocks", int64_t{container->blocks});
    object.set("old_bytes", container->old_bytes);
    object.set("old_sha256", container->old_sha256);
    object.set("new_sha256", container->new_sha256.hex());
  }
  Table table;
  for (auto const& [name, value] : object.members())
    table.add({name, value.is_string() ? *value.as_string() : value.dump()});
  if (info.format == proto::PatchFormat::bsdiff) {
    print_object(context, object, table, proto::to_string(info.format));
    return {};
  }
  TRY(auto const container, proto::parse_container(patch, {}));
  TRY(auto parts, patch_parts(container));
  TRY_VOID(name_by_new_file(paths, parts));
  object.set("sections_bytes", uint64_t{container.sections.size()});
  object.set("parts", parts_json(parts, patch.size()));
  bool const for_people =
      output_mode(context) == OutputMode::table || output_mode(context) == OutputMode::tsv;
  print_object(context, object, table, proto::to_string(info.format));
  if (for_people && !context.quiet)
    print_list(context, Json::array(), parts_table(parts, patch.size()));
  return {};
}

}  // namespace

void add_delta_commands(CLI::App& app, Context& context) {
  auto* delta = group(app, "delta", "Deltas between two files, and those between releases");
  auto const paths = std::make_shared<Paths>();
  auto const old_file = [&](CLI::App* command) {
    command->add_option("OLD", paths->old_file, "the file that the patch starts from")->required();
  };
  auto const patch = [&](CLI::App* command) {
    command->add_option("PATCH", paths->patch, "the patch")->required();
  };
  auto const new_file = [&](CLI::App* command) {
    command->add_option("NEW", paths->new_file, "the file that the patch makes")->required();
  };

  auto* make = delta->add_subcommand("create", "Write the PATCH that turns OLD into NEW");
  old_file(make);
  new_file(make);
  patch(make);
  make->add_option("--format", paths->format, "godwit, or bsdiff (BSDIFF40) for any bspatch")
      ->check(CLI::IsMember({"bsdiff", "godwit"}))
      ->capture_default_str();
  make->add_option("--profile", paths->profile,
                   "what the device decodes: bytes; small: weights in 192 KiB; fast: as small, "
                   "several times faster; large: weights, smaller patches")
      ->check(CLI::IsMember({"bytes", "small", "fast", "large"}))
      ->capture_default_str();
  make->add_option("--layout", paths->layout,
                   "JSON with the tensors of raw files (docs/format-delta.md)")
      ->check(CLI::ExistingFile);
  make->add_option("--old-layout", paths->old_layout, "the old file's, where it is another")
      ->check(CLI::ExistingFile);
  make->add_flag("--in-place", paths->in_place,
                 "order its blocks so that it can be applied to the only copy of OLD");
  does(make, context, [&context, paths] { return create(context, *paths); });

  auto* use = delta->add_subcommand("apply", "Write the NEW file that PATCH makes of OLD");
  old_file(use);
  patch(use);
  use->add_option("NEW", paths->new_file, "the file that the patch makes, unless --in-place");
  use->add_flag("--in-place", paths->in_place, "rewrite OLD itself, by a patch made for that");
  use->add_option("--jobs", paths->jobs, "blocks that are made at once; all cores unless given")
      ->check(CLI::Range(1u, kBlockThreadsMax));
  does(use, context, [&context, paths] { return apply(context, *paths); });

  auto* show = delta->add_subcommand("inspect", "Tell what a PATCH is made of");
  patch(show);
  show->add_option("--new", paths->names, "the file that it makes, for the names of tensors")
      ->check(CLI::ExistingFile);
  show->add_option("--layout", paths->layout, "the tensors of that file, where it is a raw one")
      ->check(CLI::ExistingFile);
  does(show, context, [&context, paths] { return inspect(context, *paths); });
}

}  // namespace godwit::cli
