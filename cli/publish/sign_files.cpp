// sign_release: make_release on the files of a key folder.
#include "cli/core/files.h"
#include "cli/core/staged_folder.h"
#include "cli/publish/folder_lock.h"
#include "cli/publish/release.h"
#include "proto/base/limits.h"

namespace godwit::cli {
namespace {

auto read_signer(KeyFolder const& keys) -> Result<Signer> {
  TRY(auto root, read_file(keys.image_root(), limits::kRootBytesMax));
  TRY(auto targets, read_file(keys.image_targets(), limits::kMetadataBytesMax));
  TRY(auto pem, read_secret(keys.targets_key()));
  auto key = proto::SigningKey::from_pem(pem).within(keys.targets_key().string());
  proto::cleanse({reinterpret_cast<uint8_t*>(pem.data()), pem.size()});
  if (!key) return std::move(key).error();
  TRY(auto server_public, read_server_public(keys));
  return Signer{std::string(as_text(root)), std::string(as_text(targets)), *key,
                std::move(server_public)};
}

}  // namespace

auto sign_release(KeyFolder const& keys, std::filesystem::path const& compiled,
                  ReleaseRequest const& request, std::filesystem::path const& bundle, int64_t now_s)
    -> Result<SignedRelease> {
  TRY(auto const lock, FolderLock::take(keys.image_targets().parent_path()));
  TRY(auto const signer, read_signer(keys));
  TRY(auto const plain, read_file(compiled, limits::kModelBytesMax));
  TRY(auto release, make_release(plain, request, signer, now_s));
  TRY(auto staged, StagedFolder::create(bundle));
  auto const add = [&](char const* name, ByteView content) {
    return staged.add_file(name, content, Access::everybody);
  };
  TRY_VOID(add("artifact.floe", release.artifact));
  TRY_VOID(add("targets.json", as_bytes(release.targets)));
  TRY_VOID(add("key.json", as_bytes(release.key)));
  TRY_VOID(add("release.json", as_bytes(release.release)));
  // First the repository, then the bundle: a power cut in between loses one version number, while
  // the other order could give two documents the same one.
  TRY_VOID(write_file(keys.image_targets(), as_bytes(release.targets), 0644));
  TRY_VOID(staged.commit());
  return release;
}

}  // namespace godwit::cli
