#include "cli/publish/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace godwit::cli {

auto FolderLock::take(std::filesystem::path const& folder) -> Result<FolderLock> {
  FolderLock lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.file_ < 0) return from_errno(errno, "opening " + folder.string());
  if (::flock(lock.file_, LOCK_EX | LOCK_NB) != 0)
    return conflict("another signing is at work in " + folder.string());
  return lock;
}

FolderLock::~FolderLock() {
  if (file_ >= 0) ::close(file_);
}

FolderLock::FolderLock(FolderLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

}  // namespace godwit::cli
