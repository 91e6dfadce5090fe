#include "cli/core/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace godwit::cli {
namespace {

constexpr size_t kPieceBytes = 256u << 10;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(Descriptor const&) = delete;
  auto operator=(Descriptor const&) -> Descriptor& = delete;
  auto get() const -> int { return number_; }
  /// Closes it now: a file system may report a failed write only here.
  auto close() -> bool { return ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

auto write_all(int file, ByteView bytes) -> bool {
  while (!bytes.empty()) {
    ssize_t const written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

auto read_file(std::string const& path, uint64_t bytes_max) -> Result<Bytes> {
  Descriptor const file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return from_errno(errno, path);
  Bytes bytes;
  for (;;) {
    size_t const before = bytes.size();
    bytes.resize(before + kPieceBytes);
    ssize_t const got = ::read(file.get(), bytes.data() + before, kPieceBytes);
    if (got < 0 && errno != EINTR) return from_errno(errno, path);
    bytes.resize(before + static_cast<size_t>(got < 0 ? 0 : got));
    if (bytes.size() > bytes_max)
      return invalid(path + ": larger than the limit of " + std::to_string(bytes_max) + " bytes");
    if (got == 0) return bytes;
  }
}

auto read_secret(std::string const& path) -> Result<std::string> {
  constexpr uint64_t kBytesMax = 64u << 10;
  struct stat there {};
  if (::stat(path.c_str(), &there) != 0) return from_errno(errno, path);
  if (there.st_mode & (S_IRWXG | S_IRWXO))
    return denied(path + " is secret, and others may read it; run chmod 600 on it");
  TRY(auto bytes, read_file(path, kBytesMax));
  return std::string(as_text(bytes));
}

auto write_file(std::string const& path, ByteView bytes, unsigned mode) -> Result<> {
  struct stat there {};
  if (::stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode))
    return invalid(path + ": not a regular file");  // renaming would replace a device by a file
  // The process id keeps two programs that write the same file apart, O_EXCL keeps links out; what
  // an earlier process of this number left behind goes first.
  std::string const temporary = path + ".tmp" + std::to_string(::getpid());
  ::unlink(temporary.c_str());
  Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (file.get() < 0) return from_errno(errno, "making " + temporary);
  bool const done = write_all(file.get(), bytes) && ::fsync(file.get()) == 0 && file.close() &&
                    std::rename(temporary.c_str(), path.c_str()) == 0;
  if (done) return sync_folder(path.substr(0, path.find_last_of('/') + 1));
  int const reason = errno;
  ::unlink(temporary.c_str());
  return from_errno(reason, "writing " + path);
}

auto sync_folder(std::string const& path) -> Result<> {
  Descriptor const folder(
      ::open(path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || ::fsync(folder.get()) != 0) return from_errno(errno, "syncing " + path);
  return {};
}

}  // namespace godwit::cli
