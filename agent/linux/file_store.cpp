#include "agent/linux/file_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace godwit::agent {
namespace {

constexpr size_t kNameMax = 128;

auto failure(std::string_view what) -> Error {
  int const number = errno;
  auto error = from_errno(number, what);
  if (number == ENOSPC || number == EDQUOT) error.code = Code::retry;
  if (number == ENOENT) error.code = Code::not_found;
  return error;
}

/// A name that cannot leave the folder.
auto checked(std::string_view name) -> Result<std::string> {
  auto const allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  if (name.empty() || name.size() > kNameMax || name == "." || name == ".." ||
      !std::all_of(name.begin(), name.end(), allowed))
    return invalid("not a file's name: " + std::string(name.substr(0, kNameMax)));
  return std::string(name);
}

auto map_whole(FileDescriptor const& fd, std::string_view name, size_t bytes_max)
    -> Result<Plaintext> {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return failure(name);
  auto const size = static_cast<size_t>(status.st_size);
  if (size > bytes_max)
    return invalid(std::string(name) + " is longer than " + std::to_string(bytes_max) + " bytes");
  if (size == 0) return Plaintext();
  void* const place = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (place == MAP_FAILED) return failure(name);
  return Plaintext(
      std::shared_ptr<uint8_t const>(static_cast<uint8_t const*>(place),
                                     [place, size](uint8_t const*) { ::munmap(place, size); }),
      size);
}

auto make_folders(std::string const& folder) -> Result<> {
  for (size_t end = folder.find('/', 1);; end = folder.find('/', end + 1)) {
    auto const part = folder.substr(0, end);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return failure(part);
    if (end == std::string::npos) return {};
  }
}

}  // namespace

auto FileStore::open(std::string const& folder) -> Result<FileStore> {
  TRY_VOID(make_folders(folder));
  FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return failure(folder);
  return FileStore(std::move(fd));
}

auto FileStore::lock() -> Result<> {
  if (::flock(folder_.get(), LOCK_EX | LOCK_NB) == 0) return {};
  if (errno == EWOULDBLOCK) return conflict("another agent works in this folder");
  return failure("locking the folder");
}

auto FileStore::open_file(std::string_view name, int flags) const -> Result<FileDescriptor> {
  TRY(auto const path, checked(name));
  FileDescriptor fd(
      ::openat(folder_.get(), path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600));
  if (!fd) return failure(name);
  return fd;
}

auto FileStore::size(std::string_view name) const -> Result<uint64_t> {
  TRY(auto const path, checked(name));
  struct stat status {};
  if (::fstatat(folder_.get(), path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    return failure(name);
  return static_cast<uint64_t>(status.st_size);
}

auto FileStore::read(std::string_view name, uint64_t offset, uint64_t size_max) const
    -> Result<Bytes> {
  TRY(auto const fd, open_file(name, O_RDONLY));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return failure(name);
  auto const size = static_cast<uint64_t>(status.st_size);
  Bytes bytes(offset >= size ? 0 : std::min(size_max, size - offset));
  size_t done = 0;
  while (done < bytes.size()) {
    auto const count = ::pread(fd.get(), bytes.data() + done, bytes.size() - done,
                               static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure(name);
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  bytes.resize(done);
  return bytes;
}

auto FileStore::map(std::string_view name) const -> Result<Plaintext> {
  TRY(auto const fd, open_file(name, O_RDONLY));
  return map_whole(fd, name, SIZE_MAX);
}

auto FileStore::write(std::string_view name, uint64_t offset, ByteView bytes) -> Result<> {
  TRY(auto const fd, open_file(name, O_WRONLY | O_CREAT));
  size_t done = 0;
  while (done < bytes.size()) {
    auto const count = ::pwrite(fd.get(), bytes.data() + done, bytes.size() - done,
                                static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure(name);
    done += static_cast<size_t>(count);
  }
  return {};
}

auto FileStore::truncate(std::string_view name, uint64_t size) -> Result<> {
  TRY(auto const fd, open_file(name, O_WRONLY));
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) return failure(name);
  return {};
}

auto FileStore::sync(std::string_view name) -> Result<> {
  TRY(auto const fd, open_file(name, O_RDONLY));
  if (::fsync(fd.get()) != 0) return failure(name);
  return {};
}

auto FileStore::rename(std::string_view from, std::string_view to) -> Result<> {
  TRY(auto const old_name, checked(from));
  TRY(auto const new_name, checked(to));
  if (::renameat(folder_.get(), old_name.c_str(), folder_.get(), new_name.c_str()) != 0)
    return failure(from);
  return {};
}

auto FileStore::remove(std::string_view name) -> Result<> {
  TRY(auto const path, checked(name));
  if (::unlinkat(folder_.get(), path.c_str(), 0) != 0 && errno != ENOENT) return failure(name);
  return {};
}

auto FileStore::sync_folder() -> Result<> {
  if (::fsync(folder_.get()) != 0) return failure("syncing the folder");
  return {};
}

auto read_file(std::string const& path, size_t bytes_max) -> Result<std::string> {
  FileDescriptor const fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return failure(path);
  std::string text;
  for (;;) {
    size_t const begin = text.size();
    text.resize(begin + 16384);
    auto const count = ::read(fd.get(), text.data() + begin, text.size() - begin);
    if (count < 0 && errno != EINTR) return failure(path);
    text.resize(begin + static_cast<size_t>(std::max<ssize_t>(count, 0)));
    if (text.size() > bytes_max)
      return invalid(path + " is longer than " + std::to_string(bytes_max) + " bytes");
    if (count == 0) return text;
  }
}

auto map_file(std::string const& path, size_t bytes_max) -> Result<Plaintext> {
  FileDescriptor const fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return failure(path);
  return map_whole(fd, path, bytes_max);
}

}  // namespace godwit::agent
