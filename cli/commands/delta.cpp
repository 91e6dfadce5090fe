// godwit delta create|apply|inspect: patches between any two files.
#include <memory>

#include "cli/commands/program.h"
#include "cli/core/files.h"
#include "cli/core/format.h"
#include "cli/core/output.h"
#include "cli/core/part_file.h"
#include "cli/core/progress.h"
#include "proto/base/limits.h"
#include "proto/format/bsdiff.h"
#include "proto/format/patch.h"
#include "proto/format/restartable.h"
#include "server/delta/delta.h"

namespace godwit::cli {
namespace {

// A patch of files that share nothing is a little larger than the new file.
constexpr uint64_t kPatchBytesMax = limits::kModelBytesMax + (limits::kModelBytesMax >> 4);

struct Paths {
  std::string old_file;
  std::string new_file;
  std::string patch;
  std::string format = "godwit";
};

auto create(Context& context, Paths const& paths) -> Result<> {
  TRY(Bytes const old_file, read_file(paths.old_file, limits::kModelBytesMax));
  TRY(Bytes const new_file, read_file(paths.new_file, limits::kModelBytesMax));
  auto const format =
      paths.format == "bsdiff" ? proto::PatchFormat::bsdiff : proto::PatchFormat::godwit;
  TRY(Bytes const patch, delta::make_patch(old_file, new_file, format));
  TRY_VOID(write_file(paths.patch, patch));
  say(context, paths.patch + ": " + std::to_string(patch.size()) + " bytes, for a new file of " +
                   std::to_string(new_file.size()));
  return {};
}

/// BSDIFF40 has no places to go on from: a run that was cut off begins again.
auto apply_bsdiff(ByteView old_file, ByteView patch, PartFile& file, Progress& progress)
    -> Result<uint64_t> {
  uint64_t done = 0;
  auto const keep = [&](ByteView piece) -> Result<> {
    TRY_VOID(file.write(done, piece));
    done += piece.size();
    progress.reached(done);
    return {};
  };
  TRY_VOID(proto::apply_bsdiff(old_file, patch, {}, keep));
  return done;
}

auto apply_container(Context& context, ByteView old_file, ByteView patch, PartFile& file,
                     Progress& progress) -> Result<> {
  TRY(auto const resumed, proto::apply_restartable(old_file, patch, {}, file,
                                                   [&](uint64_t done) { progress.reached(done); }));
  if (resumed.block > 0)
    say(context, "went on at block " + std::to_string(resumed.block) + ", " +
                     std::to_string(resumed.bytes) + " bytes were there");
  return {};
}

auto apply(Context& context, Paths const& paths) -> Result<> {
  TRY(Bytes const old_file, read_file(paths.old_file, limits::kModelBytesMax));
  TRY(Bytes const patch, read_file(paths.patch, kPatchBytesMax));
  TRY(auto const format, proto::detect_patch(patch).within(paths.patch));
  TRY(auto const info, proto::inspect_patch(patch, {}).within(paths.patch));
  TRY(auto file, PartFile::open(paths.new_file));
  auto const made = [&]() -> Result<> {
    Progress progress(context, "applying " + paths.patch, info.new_bytes);
    if (format == proto::PatchFormat::godwit)
      return apply_container(context, old_file, patch, file, progress);
    TRY(auto const bytes, apply_bsdiff(old_file, patch, file, progress));
    return bytes == info.new_bytes ? Result<>() : corrupt("it makes another size than it says");
  }();
  // What is wrong now is wrong at the next run too: nothing is kept to go on with.
  if (!made && made.error().code != Code::internal && made.error().code != Code::retry)
    file.discard();
  if (!made) return Error(made.error()).within(paths.patch);
  TRY_VOID(file.finish(info.new_bytes));
  say(context, paths.new_file + ": " + std::to_string(info.new_bytes) + " bytes");
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
    object.set("profile", int{container->profile});
    object.set("ram_bytes", container->ram_bytes);
    object.set("blocks", int64_t{container->blocks});
    object.set("old_bytes", container->old_bytes);
    object.set("old_sha256", container->old_sha256.hex());
    object.set("new_sha256", container->new_sha256.hex());
  }
  Table table;
  for (auto const& [name, value] : object.members())
    table.add({name, value.is_string() ? *value.as_string() : value.dump()});
  print_object(context, object, table, proto::to_string(info.format));
  return {};
}

}  // namespace

void add_delta_commands(CLI::App& app, Context& context) {
  auto* delta = group(app, "delta", "Make and apply patches between two files");
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
  does(make, context, [&context, paths] { return create(context, *paths); });

  auto* use = delta->add_subcommand("apply", "Write the NEW file that PATCH makes of OLD");
  old_file(use);
  patch(use);
  new_file(use);
  does(use, context, [&context, paths] { return apply(context, *paths); });

  auto* show = delta->add_subcommand("inspect", "Tell what a PATCH is made of");
  patch(show);
  does(show, context, [&context, paths] { return inspect(context, *paths); });
}

}  // namespace godwit::cli
