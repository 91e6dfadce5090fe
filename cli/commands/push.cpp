// godwit release push: brings a signed bundle to the server. Each step may be repeated: what the
// server has already is not made twice.
#include <filesystem>
#include <fstream>

#include "cli/commands/options.h"
#include "cli/core/files.h"
#include "cli/core/format.h"
#include "cli/core/output.h"
#include "cli/core/terminal.h"
#include "cli/view/release.h"
#include "proto/base/limits.h"
#include "proto/trust/digest.h"

namespace godwit::cli {
namespace {

struct Bundle {
  std::string model;
  std::string artifact;  // the file
  Sha256 sha256;         // of the artifact
  uint64_t size_bytes = 0;
  Json request;  // what makes the release
};

auto read_text(std::filesystem::path const& path, size_t bytes_max) -> Result<std::string> {
  TRY(auto const bytes, read_file(path, bytes_max));
  return std::string(as_text(bytes));
}

auto hash_file(Bundle& bundle) -> Result<> {
  std::ifstream file(bundle.artifact, std::ios::binary);
  if (!file) return from_errno(errno, "reading " + bundle.artifact);
  proto::Sha256Stream digest;
  std::string chunk(256u << 10, '\0');
  while (file) {
    file.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    auto const part = std::string_view(chunk).substr(0, static_cast<size_t>(file.gcount()));
    digest.add(as_bytes(part));
    bundle.size_bytes += part.size();
  }
  if (!file.eof()) return internal("reading " + bundle.artifact);
  bundle.sha256 = digest.finish();
  return {};
}

auto read_bundle(std::filesystem::path const& folder) -> Result<Bundle> {
  TRY(auto const release_text, read_text(folder / "release.json", limits::kRequestBodyBytesMax));
  TRY(auto const key_text, read_text(folder / "key.json", limits::kRequestBodyBytesMax));
  TRY(auto const targets, read_text(folder / "targets.json", limits::kMetadataBytesMax));
  TRY(auto const release, Json::parse(release_text).within("release.json"));
  TRY(auto const key, Json::parse(key_text).within("key.json"));
  Bundle bundle;
  TRY(bundle.model, release.get_string("model").within("release.json"));
  TRY(auto const version, release.get_string("version").within("release.json"));
  bundle.artifact = folder / "artifact.floe";
  TRY_VOID(hash_file(bundle));
  bundle.request = Json::object({{"version", version}, {"targets", targets}, {"key", key}});
  for (auto const* name : {"parent", "notes", "channel"})
    if (auto const* value = release.find(name)) bundle.request.set(name, *value);
  return bundle;
}

auto upload(Context& context, Api const& api, Bundle const& bundle) -> Result<> {
  bool const live = !context.quiet && stdout_is_terminal();
  uint64_t shown = 101;
  auto const on_sent = [&](uint64_t sent, uint64_t whole) {
    uint64_t const percent = whole ? sent * 100 / whole : 100;
    if (!live || percent == shown) return;
    shown = percent;
    context.err << "\ruploading " << percent << " %" << (percent == 100 ? "\n" : "") << std::flush;
  };
  auto const path = "/api/v1/artifacts/" + to_hex(bundle.sha256.bytes);
  TRY(int const status, api.upload(path, bundle.artifact, on_sent));
  auto const size = format_bytes(static_cast<int64_t>(bundle.size_bytes));
  say(context,
      status == 201 ? "uploaded " + size : "the artifact (" + size + ") was there already");
  return {};
}

auto push(Context& context, std::string const& folder) -> Result<> {
  auto const bundle = read_bundle(folder);
  if (!bundle) return Error(bundle.error()).within(folder + " is no bundle of godwit release sign");
  TRY(auto const api, Api::connect(context));
  TRY_VOID(upload(context, api, *bundle));
  TRY(auto const release, api.post(model_path(bundle->model) + "/releases", bundle->request));
  print_object(context, release, release_table(release),
               release.get_string("version").value_or(""));
  return {};
}

}  // namespace

void add_push_commands(CLI::App& app, Context& context) {
  auto* releases = group(app, "release", "Releases of models: sign, push, list, promote, yank");
  auto const folder = std::make_shared<std::string>();
  auto* command = releases->add_subcommand("push", "Bring a signed bundle to the server");
  argument(command, "BUNDLE", *folder, "the folder that godwit release sign wrote");
  does(command, context, [&context, folder] { return push(context, *folder); });
}

}  // namespace godwit::cli
