#include "cli/core/part_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "cli/core/files.h"

namespace godwit::cli {
namespace {

constexpr mode_t kMode = 0644;
constexpr uint64_t kJournalBytesMax = 4096;

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

auto folder_of(std::string const& path) -> std::string {
  return path.substr(0, path.find_last_of('/') + 1);
}

}  // namespace

auto PartFile::open(std::string const& path) -> Result<PartFile> {
  struct stat there {};
  if (::stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode))
    return invalid(path + ": not a regular file");
  auto const part = path + ".part";
  int const file = ::open(part.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, kMode);
  if (file < 0) return from_errno(errno, "making " + part);
  PartFile opened(path, file);
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) return conflict("another program is writing " + part);
  return opened;
}

PartFile::PartFile(PartFile&& other) noexcept
    : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}

PartFile::~PartFile() {
  if (file_ >= 0) ::close(file_);
}

auto PartFile::write(uint64_t offset, ByteView bytes) -> Result<> {
  if (!write_at(file_, offset, bytes)) return from_errno(errno, "writing " + part());
  return {};
}

auto PartFile::write_block(uint64_t offset, ByteView bytes) -> Result<> {
  TRY_VOID(write(offset, bytes));
  if (::fdatasync(file_) != 0) return from_errno(errno, "syncing " + part());
  return {};
}

auto PartFile::read_block(uint64_t offset, std::span<uint8_t> out) -> Result<> {
  while (!out.empty()) {
    ssize_t const got = ::pread(file_, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return from_errno(errno, "reading " + part());
    if (got == 0) return not_found(part() + " ends here");
    offset += static_cast<uint64_t>(got);
    out = out.subspan(static_cast<size_t>(got));
  }
  return {};
}

auto PartFile::write_journal(ByteView record) -> Result<> {
  auto const fresh = journal() + ".new";
  int const file =
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, kMode);
  if (file < 0) return from_errno(errno, "making " + fresh);
  bool const written = write_at(file, 0, record) && ::fdatasync(file) == 0;
  int const reason = errno;
  ::close(file);
  if (!written) return from_errno(reason, "writing " + fresh);
  // Whichever of both names a power cut leaves, the record is whole; an older one costs a block.
  if (std::rename(fresh.c_str(), journal().c_str()) != 0)
    return from_errno(errno, "renaming " + fresh);
  return {};
}

auto PartFile::read_journal() -> Result<Bytes> {
  auto record = read_file(journal(), kJournalBytesMax);
  if (!record && record.error().code == Code::not_found) return Bytes();
  return record;
}

auto PartFile::finish(uint64_t size_bytes) -> Result<> {
  bool const named = ::ftruncate(file_, static_cast<off_t>(size_bytes)) == 0 &&
                     ::fsync(file_) == 0 && std::rename(part().c_str(), path_.c_str()) == 0;
  if (!named) return from_errno(errno, "naming " + path_);
  TRY_VOID(sync_folder(folder_of(path_)));
  ::unlink(journal().c_str());
  return {};
}

void PartFile::discard() {
  ::unlink(part().c_str());
  ::unlink(journal().c_str());
}

}  // namespace godwit::cli
