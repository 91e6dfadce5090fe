#include "cli/core/part_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "cli/core/files.h"
#include "cli/core/positioned.h"

namespace godwit::cli {
namespace {

constexpr mode_t kMode = 0644;
constexpr uint64_t kJournalBytesMax = 4096;

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

auto PartFile::write_block(uint64_t offset, ByteView bytes) -> Result<> {
  if (!write_at(file_, offset, bytes)) return from_errno(errno, "writing " + part());
  if (::fdatasync(file_) != 0) return from_errno(errno, "syncing " + part());
  return {};
}

auto PartFile::read_block(uint64_t offset, std::span<uint8_t> out) -> Result<> {
  return read_at(file_, part(), offset, out);
}

/// An older one, where a power cut leaves it, costs a block.
auto PartFile::write_journal(ByteView record) -> Result<> {
  return replace_file(journal(), record, kMode);
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
