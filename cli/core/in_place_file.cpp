#include "cli/core/in_place_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "cli/core/files.h"
#include "cli/core/positioned.h"

namespace godwit::cli {
namespace {

constexpr mode_t kMode = 0600;
constexpr uint64_t kJournalBytesMax = 4096;

auto synced(int file, std::string const& name) -> Result<> {
  if (::fdatasync(file) != 0) return from_errno(errno, "syncing " + name);
  return {};
}

}  // namespace

auto InPlaceFile::open(std::string const& path) -> Result<InPlaceFile> {
  int const file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return from_errno(errno, "opening " + path);
  InPlaceFile opened(path, file);
  struct stat there {};
  if (::fstat(file, &there) != 0) return from_errno(errno, "looking at " + path);
  if (!S_ISREG(there.st_mode)) return invalid(path + ": not a regular file");
  if (::flock(file, LOCK_EX | LOCK_NB) != 0)
    return conflict("another program is rewriting " + path);
  return opened;
}

InPlaceFile::InPlaceFile(InPlaceFile&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::exchange(other.file_, -1)),
      scratch_(std::exchange(other.scratch_, -1)) {}

InPlaceFile::~InPlaceFile() {
  if (file_ >= 0) ::close(file_);
  if (scratch_ >= 0) ::close(scratch_);
}

auto InPlaceFile::size() -> Result<uint64_t> {
  struct stat there {};
  if (::fstat(file_, &there) != 0) return from_errno(errno, "looking at " + path_);
  return static_cast<uint64_t>(there.st_size);
}

auto InPlaceFile::read(uint64_t offset, std::span<uint8_t> out) -> Result<> {
  return read_at(file_, path_, offset, out);
}

auto InPlaceFile::write(uint64_t offset, ByteView bytes) -> Result<> {
  if (!write_at(file_, offset, bytes)) return from_errno(errno, "writing " + path_);
  return synced(file_, path_);
}

auto InPlaceFile::resize(uint64_t bytes) -> Result<> {
  if (::ftruncate(file_, static_cast<off_t>(bytes)) != 0)
    return from_errno(errno, "shortening " + path_);
  return synced(file_, path_);
}

/// Its name is durable before the first journal speaks of it.
auto InPlaceFile::open_scratch() -> Result<> {
  if (scratch_ >= 0) return {};
  scratch_ = ::open(scratch().c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, kMode);
  if (scratch_ < 0) return from_errno(errno, "making " + scratch());
  return sync_folder(folder_of(path_));
}

auto InPlaceFile::write_scratch(ByteView bytes) -> Result<> {
  TRY_VOID(open_scratch());
  if (!write_at(scratch_, 0, bytes)) return from_errno(errno, "writing " + scratch());
  return synced(scratch_, scratch());
}

auto InPlaceFile::read_scratch(std::span<uint8_t> out) -> Result<> {
  TRY_VOID(open_scratch());
  return read_at(scratch_, scratch(), 0, out);
}

/// A journal that is lost with its name would make a half rewritten file look like a wrong one.
auto InPlaceFile::write_journal(ByteView record) -> Result<> {
  TRY_VOID(replace_file(journal(), record, kMode));
  return sync_folder(folder_of(path_));
}

auto InPlaceFile::read_journal() -> Result<Bytes> {
  auto record = read_file(journal(), kJournalBytesMax);
  if (!record && record.error().code == Code::not_found) return Bytes();
  return record;
}

auto InPlaceFile::finish() -> Result<> {
  ::unlink(journal().c_str());
  ::unlink(scratch().c_str());
  return sync_folder(folder_of(path_));
}

}  // namespace godwit::cli
