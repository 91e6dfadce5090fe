#include "cli/core/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "cli/core/files.h"

namespace godwit::cli {

auto MappedFile::open(std::string const& path, uint64_t bytes_max) -> Result<MappedFile> {
  MappedFile made;
  made.path_ = path;
  int const file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat there {};
  if (file >= 0 && ::fstat(file, &there) == 0 && S_ISREG(there.st_mode) && there.st_size > 0 &&
      static_cast<uint64_t>(there.st_size) <= bytes_max) {
    made.size_ = static_cast<size_t>(there.st_size);
    void* const at = ::mmap(nullptr, made.size_, PROT_READ, MAP_PRIVATE, file, 0);
    if (at != MAP_FAILED) made.mapped_ = at;
  }
  if (file >= 0) ::close(file);
  if (made.mapped_) {
    made.guard_ = std::make_unique<MappedGuard>(made.mapped_, made.size_);
    return made;
  }
  TRY(made.read_, read_file(path, bytes_max));  // or the reason why not
  return made;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : mapped_(std::exchange(other.mapped_, nullptr)),
      size_(other.size_),
      path_(std::move(other.path_)),
      guard_(std::move(other.guard_)),
      read_(std::move(other.read_)) {}

MappedFile::~MappedFile() {
  guard_.reset();
  if (mapped_) ::munmap(mapped_, size_);
}

auto MappedFile::bytes() const -> ByteView {
  return mapped_ ? ByteView(static_cast<uint8_t const*>(mapped_), size_) : ByteView(read_);
}

auto MappedFile::check_whole() const -> Result<> {
  if (guard_ && guard_->lost()) return conflict(path_ + ": it became shorter while it was read");
  return {};
}

void MappedFile::let_go() const {
  if (mapped_) ::madvise(mapped_, size_, MADV_DONTNEED);
}

}  // namespace godwit::cli
