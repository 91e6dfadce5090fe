#include "cli/core/positioned.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace godwit::cli {

auto write_at(int file, uint64_t offset, ByteView bytes) -> bool {
  while (!bytes.empty()) {
    ssize_t const written = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    offset += static_cast<uint64_t>(written);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return true;
}

auto read_at(int file, std::string const& name, uint64_t offset, std::span<uint8_t> out)
    -> Result<> {
  while (!out.empty()) {
    ssize_t const got = ::pread(file, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return from_errno(errno, "reading " + name);
    if (got == 0) return not_found(name + " ends here");
    offset += static_cast<uint64_t>(got);
    out = out.subspan(static_cast<size_t>(got));
  }
  return {};
}

auto replace_file(std::string const& path, ByteView bytes, mode_t mode) -> Result<> {
  auto const fresh = path + ".new";
  int const file =
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
  if (file < 0) return from_errno(errno, "making " + fresh);
  bool const written = write_at(file, 0, bytes) && ::fdatasync(file) == 0;
  int const reason = errno;
  ::close(file);
  if (!written) return from_errno(reason, "writing " + fresh);
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return from_errno(errno, "renaming " + fresh);
  return {};
}

auto folder_of(std::string const& path) -> std::string {
  return path.substr(0, path.find_last_of('/') + 1);
}

}  // namespace godwit::cli
