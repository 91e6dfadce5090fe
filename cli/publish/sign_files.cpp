// sign_release: make_release on the files of a key folder.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "cli/core/files.h"
#include "cli/core/staged_folder.h"
#include "cli/publish/release.h"
#include "proto/base/limits.h"

namespace godwit::cli {
namespace {

/// Held while targets.json is read and replaced, so that two signings cannot make one version.
class FolderLock {
 public:
  static auto take(std::filesystem::path const& folder) -> Result<FolderLock> {
    FolderLock lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (lock.file_ < 0) return from_errno(errno, "opening " + folder.string());
    if (::flock(lock.file_, LOCK_EX | LOCK_NB) != 0)
      return conflict("another signing is at work in " + folder.string());
    return lock;
  }
  ~FolderLock() {
    if (file_ >= 0) ::close(file_);
  }
  FolderLock(FolderLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

 private:
  explicit FolderLock(int file) : file_(file) {}
  int file_;
};

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
