#include "cli/core/staged_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "cli/core/files.h"

namespace godwit::cli {
namespace {

namespace fs = std::filesystem;

auto folder_of(fs::path const& path) -> fs::path {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

}  // namespace

auto StagedFolder::create(fs::path const& path) -> Result<StagedFolder> {
  // "out/" and "out" are the same place.
  auto const target = path.has_filename() ? path : path.parent_path();
  std::error_code error;
  auto const status = fs::symlink_status(target, error);
  if (fs::exists(status) && !(fs::is_directory(status) && fs::is_empty(target, error)))
    return conflict(target.string() + " exists already");
  auto const staging =
      folder_of(target) / ("." + target.filename().string() + ".tmp" + std::to_string(::getpid()));
  if (::mkdir(staging.c_str(), 0755) != 0) return from_errno(errno, "making " + staging.string());
  return StagedFolder(target, staging);
}

StagedFolder::StagedFolder(StagedFolder&& other) noexcept
    : target_(std::move(other.target_)), staging_(std::exchange(other.staging_, {})) {}

StagedFolder::~StagedFolder() {
  std::error_code ignored;
  if (!staging_.empty()) fs::remove_all(staging_, ignored);
}

auto StagedFolder::add_file(std::string const& name, ByteView content, Access access) const
    -> Result<> {
  auto const path = staging_ / name;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) return from_errno(error.value(), "making " + path.parent_path().string());
  return write_file(path.string(), content, static_cast<unsigned>(access));
}

auto StagedFolder::commit() -> Result<> {
  TRY_VOID(sync_folder(staging_.string()));
  if (::rename(staging_.c_str(), target_.c_str()) != 0)
    return errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR
               ? conflict(target_.string() + " exists already")
               : from_errno(errno, "making " + target_.string());
  staging_.clear();
  return sync_folder(folder_of(target_).string());
}

}  // namespace godwit::cli
